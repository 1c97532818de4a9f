"""Cameras from photos alone: how many are placed, right, and wrong but kept, beside plain pycolmap.

    python -m benchmarks.geometry.cameras CAPTURE [CAPTURE:COUNT ...]

A capture is a folder with `images/` and, where the truth is known, `truth/cameras.json`. `:third` takes every third
photo, `:000-008,010` the photos whose names begin so. Plain pycolmap runs with its own defaults.
"""

import argparse
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.common.tables import markdown, write_result
from benchmarks.geometry.camera_scores import score_cameras
from liftlab.components.errors import InputError
from liftlab.components.processes.child import ChildEnded, run_in_child
from liftlab.components.progress import Progress
from liftlab.components.sfm import SfmOptions, estimate_cameras, reduced_photo

PLAIN = ("incremental", "global")


@dataclass(frozen=True)
class Case:
    """Some photos of a capture."""

    name: str
    folder: Path
    photos: tuple[str, ...]

    def truth(self) -> dict[str, np.ndarray]:
        """World-to-camera by stem; empty without truth."""
        path = self.folder / "truth" / "cameras.json"
        if not path.exists():
            return {}
        stems = {Path(name).stem for name in self.photos}
        frames = json.loads(path.read_text())["frames"]
        poses = {Path(f["image"]).stem: np.array(f["world_to_camera"], float) for f in frames}
        return {stem: pose for stem, pose in poses.items() if stem in stems}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("captures", nargs="+")
    parser.add_argument("--no-plain", action="store_true", help="leave plain pycolmap out")
    parser.add_argument("--kept", type=Path, help="JSON file of rows: kept there, and not measured again")
    parser.add_argument(
        "--threads", type=int, default=0, help="of LiftLab's child processes; 0: one per core"
    )
    parser.add_argument("--no-table", action="store_true", help="print the rows, write no result file")
    options = parser.parse_args()
    kept = json.loads(options.kept.read_text()) if options.kept and options.kept.exists() else {}
    for text in options.captures:
        case = case_of(text)
        if case.name not in kept:
            row: list[object] = [case.name, len(case.photos), *liftlab_cells(case, options.threads)]
            for mapper in () if options.no_plain else PLAIN:
                row += plain_cells(case, mapper)
            kept[case.name] = row
            if options.kept:
                options.kept.write_text(json.dumps(kept))
        print(kept[case.name], flush=True)
    rows = [kept[case_of(text).name] for text in options.captures]
    columns = ["capture", "photos", "placed", "right", "wrong, kept", "seconds", "CPU s", "how"]
    plain = (
        []
        if options.no_plain
        else [f"{m}: {c}" for m in PLAIN for c in ("placed", "right", "seconds", "CPU s")]
    )
    if not options.no_table:
        text = (
            "Right: within 3 % of the extent (largest side of the box round all true camera centres) and 3 degrees "
            "after the best similarity. Plain pycolmap has its own defaults; its wrong cameras are those placed and "
            "not right. Seconds are wall time, CPU s processor time, matching included. KIND-SEED: made by "
            "assets.make_training_captures."
        )
        write_result("cameras", "Cameras from photos alone", [text, markdown([*columns, *plain], rows)])


def case_of(text: str) -> Case:
    """The photos that an argument names."""
    path, _, choice = text.partition(":")
    folder = Path(path)
    names = sorted(p.name for p in (folder / "images").iterdir())
    if choice == "third":
        names = names[::3]
    elif choice:
        names = [name for name in names if any(_within(Path(name).stem, part) for part in choice.split(","))]
    return Case(f"{folder.name}:{choice}" if choice else folder.name, folder, tuple(names))


def _within(stem: str, part: str) -> bool:
    low, _, high = part.partition("-")
    return low <= stem <= (high or low)


def liftlab_cells(case: Case, threads: int) -> list[object]:
    """placed, right, wrong, seconds, CPU seconds, how."""
    pixels = [np.array(Image.open(case.folder / "images" / name).convert("RGB")) for name in case.photos]
    photos = [reduced_photo(name, image) for name, image in zip(case.photos, pixels, strict=True)]
    start = _clocks()
    try:
        model = estimate_cameras(photos, SfmOptions(num_threads=threads))
    except InputError as refusal:
        return [0, "-", "-", *(_clocks() - start), str(refusal)]
    seconds = _clocks() - start
    poses = {Path(n).stem: p for n, p in zip(model.names, model.world_to_camera, strict=True)}
    how = "; ".join([*model.tried, "shares " + " ".join(f"{s:.2f}" for s in model.shares)])
    return [len(poses), *_right_and_wrong(case, poses), *seconds, how]


def plain_cells(case: Case, mapper: str) -> list[object]:
    """placed, right, seconds, CPU seconds."""
    start = _clocks()
    arguments = {
        "images": str((case.folder / "images").resolve()),
        "photos": list(case.photos),
        "mapper": mapper,
    }
    try:
        found = run_in_child("benchmarks.geometry.cameras:plain_poses", arguments)
    except ChildEnded:
        found = {}
    poses = {stem: np.array(pose) for stem, pose in found.items()}
    return [len(poses), _right_and_wrong(case, poses)[0], *(_clocks() - start)]


def _clocks() -> np.ndarray:
    """Seconds that passed, and that processors worked for us and for children that ended: beside other work only the
    second says what something costs.
    """
    spent = os.times()
    return np.array(
        [time.perf_counter(), spent.user + spent.system + spent.children_user + spent.children_system]
    )


def _right_and_wrong(case: Case, poses: dict[str, np.ndarray]) -> list[object]:
    truth = case.truth()
    if not truth:
        return ["-", "-"]
    score = score_cameras(poses, truth)
    wrong = [f"{name} ({shift:.0%}, {angle:.0f}°)" for name, (shift, angle) in score.wrong.items()]
    return [score.right, f"{len(wrong)}: {', '.join(wrong)}" if wrong else 0]


def plain_poses(arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """In a child: the largest model by pycolmap's defaults, one lens for all photos of a size."""
    import pycolmap

    pycolmap.logging.minloglevel = 3
    with tempfile.TemporaryDirectory() as folder:
        database, output = Path(folder) / "database.db", Path(folder) / "out"
        output.mkdir()
        pycolmap.set_random_seed(0)
        pycolmap.extract_features(
            database,
            arguments["images"],
            arguments["photos"],
            pycolmap.CameraMode.AUTO,
            device=pycolmap.Device.cpu,
        )
        pycolmap.match_exhaustive(database, device=pycolmap.Device.cpu)
        run = (
            pycolmap.incremental_mapping if arguments["mapper"] == "incremental" else pycolmap.global_mapping
        )
        models = run(database, arguments["images"], output)
        best = max(models.values(), key=lambda model: model.num_reg_images(), default=None)
        if best is None:
            return {}
        return {
            Path(image.name).stem: np.vstack([image.cam_from_world().matrix(), [0, 0, 0, 1]]).tolist()
            for image in best.images.values()
            if image.has_pose
        }


if __name__ == "__main__":
    main()
