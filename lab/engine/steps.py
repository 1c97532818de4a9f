"""What the steps of a scene share: records, files beyond what components write, parts of a progress bar."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftlab.components.files import write_json
from liftlab.components.progress import Progress, part_of
from liftlab.files.config_records import to_plain

if TYPE_CHECKING:  # these import torch: only when a step needs them
    from liftlab.components.masks.cache import MaskCache
    from liftlab.components.types import Gaussians, Scene

GAUSSIANS_FILE = "gaussians.ply"
SHARE_OF_STEP = {"reconstruct": 0.6, "gaussians": 0.6, "masks": 0.3, "prepare": 0.1}
"""How much of the progress bar a step takes when earlier steps have to be run first."""


def write_report(folder: Path, report: Any) -> None:
    """A step's report dataclass as report.json."""
    write_json(folder / "report.json", {"schema_version": 1, **to_plain(report)})


def save_reconstruction(result: Any, folder: Path) -> None:
    """A scene and its report, as `reconstruct` gives them."""
    from liftlab.components.scenes import save_scene

    scene, report = result
    save_scene(scene, folder)
    write_report(folder, report)


def save_gaussians(result: Any, folder: Path) -> None:
    """Splats and their report, as `build_gaussians` gives them."""
    from liftlab.components.gaussians.files import write_gaussians

    gaussians, report = result
    write_gaussians(folder / GAUSSIANS_FILE, gaussians)
    write_report(folder, report)


def load_gaussians(folder: Path) -> "Gaussians":
    """What `save_gaussians` wrote, without the report."""
    from liftlab.components.gaussians.files import read_gaussians

    return read_gaussians(folder / GAUSSIANS_FILE)


def own_masks(scene: "Scene") -> dict[str, Any]:
    """Settings of the mask cache that differ from the defaults: a scene with masks of its own keeps those."""
    return {} if scene.photo_masks is None else {"following": "photos"}


def load_masks(folder: Path, scene_key: str) -> "MaskCache":
    """A scene's mask cache. Raises InputError when it is of another scene."""
    from liftlab.components.masks.cache import MaskCache

    return MaskCache.load(folder, scene_key=scene_key)


def record_of_step(
    step: str, key: str, inputs: dict[str, Any], config: Any, photos: int, seconds: float
) -> dict[str, Any]:
    """What step.json says of a result."""
    return {
        "step": step, "key": key, "inputs": inputs, "config": to_plain(config), "photos": photos,
        "seconds": seconds,
    }  # fmt: skip


def parts_of_bar(progress: Progress, before: Sequence[str], last: str) -> dict[str, Progress]:
    """The share of the progress bar of each step that must be run first, and of the last one."""
    shares = {step: SHARE_OF_STEP[step] for step in (*before, last)}
    if "masks" in shares:
        shares["masks"] += SHARE_OF_STEP["reconstruct"]  # which it runs when it is missing
    parts, start, whole = {}, 0.0, sum(shares.values())
    for step, share in shares.items():
        parts[step] = part_of(progress, start / whole, (start + share) / whole)
        start += share
    return parts
