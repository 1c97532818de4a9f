"""Segment everything of every method on one training photo, side by side: what the numbers of the table look like.

Made by `python -m benchmarks.methods.compare CAPTURE ... --workspace DIR --pictures docs/images/methods`.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Int32, UInt8, UInt16
from PIL import Image

from benchmarks.common.truth_scenes import read_truth
from benchmarks.methods.cases import Case, ready
from benchmarks.methods.oracle_masks import in_view
from liftlab.components.features.colours import cluster_colours
from liftlab.components.types import Array

CELL_WIDTH, TITLE_PX, GAP_PX, COLUMNS = 320, 22, 4, 4
MOST_BYTES = 400_000
COLOURS = (256, 128, 64, 32)
"""Of the picture's palette: the most that keep it below `MOST_BYTES`."""
STRENGTH = 0.65
"""Of an object's colour over the photo."""


def save_pictures(cases: Sequence[Case], folder: Path) -> list[Path]:
    """One PNG per capture: the photo, its truth, and each case's objects, coloured alike where they are the same.

    Args:
        cases: Prepared already, or prepared now.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for capture in dict.fromkeys(case.capture for case in cases):
        cells: list[tuple[str, UInt8[Array, "h w 3"]]] = []
        for case in (one for one in cases if one.capture == capture):
            made = ready(case)
            truth = read_truth(capture).labels
            view = max(
                (i for i, view in enumerate(made.scene.views) if view.stem in truth),
                key=lambda i: len(np.unique(truth[made.scene.views[i].stem])),
            )
            photo = made.scene.views[view]
            known = in_view(photo, truth[photo.stem])
            if not cells:
                cells = [("photo", photo.image), ("truth", painted(photo.image, known, known))]
            labels = made.method.decompose(made.prepared)[view]
            source = "truth masks" if case.masks == "oracle" else "proposals"
            cells.append((f"{case.variant} ({source})", painted(photo.image, labels, known)))
        paths.append(folder / f"{capture.name}.png")
        write_small(paths[-1], grid(cells))
    return paths


def painted(
    photo: UInt8[Array, "h w 3"],
    labels: Int32[Array, "h w"] | UInt16[Array, "h w"],
    truth: Int32[Array, "h w"],
) -> UInt8[Array, "h w 3"]:
    """Objects over a greyed photo with white outlines; an object has the colour of the truth it overlaps most by IoU,
    and a further one a colour that no truth has.
    """
    ids = [int(i) for i in np.unique(labels) if i]
    known = [int(i) for i in np.unique(truth) if i > 0]
    overlap = np.zeros((len(ids), len(known)))
    for row, label in enumerate(ids):
        own = labels == label
        overlap[row] = [(own & (truth == i)).sum() / (own | (truth == i)).sum() for i in known]
    colour: dict[int, int] = {}
    while overlap.size and overlap.max() > 0:
        row, column = np.unravel_index(overlap.argmax(), overlap.shape)
        colour[ids[row]] = known[column]
        overlap[row], overlap[:, column] = -1, -1
    rest = iter(range(max(known, default=0) + 1, max(known, default=0) + 1 + len(ids)))
    number = np.zeros(labels.shape, np.int64)
    for label in ids:
        number[labels == label] = colour[label] if label in colour else next(rest)
    grey = np.repeat(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    over = STRENGTH * cluster_colours(number.ravel()).reshape(*number.shape, 3) + (1 - STRENGTH) * grey
    out = np.where(number[..., None] > 0, over.astype(np.uint8), grey // 2 + 64)
    edge = cv2.morphologyEx(number.astype(np.float32), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    out[edge] = 255
    return out


def grid(cells: Sequence[tuple[str, UInt8[Array, "_ _ 3"]]]) -> UInt8[Array, "h w 3"]:
    """Titled pictures of one shape in rows of `COLUMNS`, on white."""
    height = round(CELL_WIDTH * cells[0][1].shape[0] / cells[0][1].shape[1])
    rows = -(-len(cells) // COLUMNS)
    out = np.full((rows * (height + TITLE_PX + GAP_PX), COLUMNS * (CELL_WIDTH + GAP_PX), 3), 255, np.uint8)
    for place, (title, image) in enumerate(cells):
        y = (place // COLUMNS) * (height + TITLE_PX + GAP_PX)
        x = (place % COLUMNS) * (CELL_WIDTH + GAP_PX)
        cv2.putText(
            out,
            title,
            (x + 4, y + TITLE_PX - 7),
            cv2.FONT_HERSHEY_SIMPLEX,
            0.45,
            (20, 20, 20),
            1,
            cv2.LINE_AA,
        )
        small = cv2.resize(image, (CELL_WIDTH, height), interpolation=cv2.INTER_AREA)
        out[y + TITLE_PX : y + TITLE_PX + height, x : x + CELL_WIDTH] = small
    return out


def write_small(path: Path, image: UInt8[Array, "h w 3"]) -> None:
    """A PNG with as many colours as `MOST_BYTES` allow."""
    for colours in COLOURS:
        Image.fromarray(image).quantize(colours).save(path, optimize=True)
        if path.stat().st_size < MOST_BYTES:
            return
