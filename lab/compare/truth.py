"""Truth of the bundled captures, for scoring in the Compare cell only: nothing that computes an answer reads it."""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from liftlab.bundled import CAPTURES
from liftlab.components.errors import InputError
from liftlab.session.markers import marker_of

if TYPE_CHECKING:
    from liftlab.components.captures.benchmark_layouts.scene import BenchmarkScene
    from liftlab.components.types import Scene
    from liftlab.session.prompts import ObjectPrompts


def has_truth(capture: str, scene: "Scene") -> bool:
    """Whether a capture is a bundled one with truth: its name and its photos' names are."""
    folder = CAPTURES / capture
    if not (folder / "truth" / "instance").is_dir():
        return False
    return set(scene.photo_sizes) <= {path.name for path in (folder / "images").iterdir()}


def true_masks(capture: str, scene: "Scene", asked: "ObjectPrompts") -> dict[str, np.ndarray]:
    """The true masks of the object under the first positive click, per photo that has truth; photo pixels.

    Raises:
        InputError: No click is on a labelled object.
    """
    labels = _opened(capture)
    for click in asked.clicks:
        marker = marker_of(scene, click)
        if not click.positive or marker.image is None or marker.xy is None:
            continue
        found = _labels(labels, marker.image)
        column, row = int(marker.xy[0]), int(marker.xy[1])
        if found is not None and found[row, column] > 0:
            wanted = found[row, column]
            registered = {view.name for view in scene.views} & set(labels.scored)
            maps = {photo: _labels(labels, photo) for photo in sorted(registered)}
            return {photo: image == wanted for photo, image in maps.items() if image is not None}
    raise InputError("The clicks are on nothing that truth knows as an object; take another reference.")


@lru_cache(maxsize=4)
def _opened(capture: str) -> "BenchmarkScene":
    from liftlab.components.captures.benchmark_layouts.liftlab import open_scenes

    return open_scenes(CAPTURES / capture)[0]


def _labels(scene: "BenchmarkScene", photo: str) -> np.ndarray | None:
    if photo not in scene.scored or scene.labels_of is None:
        return None
    return scene.labels_of(photo)
