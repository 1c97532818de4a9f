"""Ask every method everything of a plan, as the page and the command line do: through a lab and a session.

Splats are trained and judged by what they show, and then those of the record stand in for them (`kept_splats.py`).
`python -m tests.answers.asking CAPTURE FILE SPLATS [renew]` asks once, and ends with `COMPILED` when numba compiled on
the way.
"""

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from numba.core.dispatcher import Dispatcher

from benchmarks.common.truth_scenes import scene_from_truth
from liftlab.components.errors import InputError
from liftlab.components.types import Scene
from liftlab.engine.lab import Lab
from liftlab.pipelines.base import MethodEntry, list_methods
from liftlab.pipelines.steps.reconstruct import ReconstructReport
from liftlab.session.objects import ObjectState
from liftlab.session.prompts import PhotoClick
from liftlab.session.session import Session
from tests.answers.keeping import Answers, Kept, digest_of, kept, this_machine
from tests.answers.kept_splats import trained_but_kept
from tests.answers.plans import PLANS, Plan
from tests.answers.truth import truth_ious

OF_EVERY_METHOD = ("ply", "glb", "masks", "coco")
WITH_SPLATS = ("splats",)
OF_ONE_METHOD = ("without", "viewer", "colmap", "transforms")
"""Exports: of every method, of those on splats too, and those that cost more, or that no method changes. Not among all
these: JSON of runs, which lists every setting there is, and SPZ, whose packing is not the same twice.
"""
ONE_METHOD = "saga"
CLOCKS = {
    "wall_secs", "seconds", "server_ms", "versions", "created", "folder", "key", "scene_key", "files"
}  # fmt: skip
"""Fields of exported JSON that say when, where and how fast, and under which keys."""


COMPILED = 3
"""Exit status."""


def settled_answers(
    plan: Plan,
    splats: Path,
    *,
    bytes_too: bool = True,
    renew: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Answers:
    """Answers on the splats of a file (`trained_but_kept`).

    Args:
        bytes_too: They are compared byte by byte: those of a process that compiled nothing. One that compiles the splat
            kernels itself sums in another order than all that load them from numba's cache: from equal inputs `blend`
            then gives other last bits, and a training other splats.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "answers.json.gz"
        words = [sys.executable, "-m", "tests.answers.asking", plan.name, str(file), str(splats)]
        words += ["renew"] if renew else []
        for attempt in ("first", "second"):
            done = subprocess.run(words, cwd=Path(__file__).parents[2], check=False)
            if done.returncode != COMPILED or not bytes_too:
                break
            say(f"numba compiled during the {attempt} asking")
        assert done.returncode == 0 or (done.returncode == COMPILED and not bytes_too), done.returncode
        return Answers.load(file)


def compiled_here() -> list[str]:
    """Kernels of ours that this process compiled, and did not load from numba's cache."""
    modules = [module for name, module in list(sys.modules.items()) if name.startswith("liftlab.")]
    kernels = {
        value for module in modules for value in vars(module).values() if isinstance(value, Dispatcher)
    }
    return sorted(one.py_func.__name__ for one in kernels if one.stats.cache_misses)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Sums of torch in one thread, always in the same order: so a training gives the same bytes again."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def answers_of(
    plan: Plan, splats: Path, work: Path, *, renew: bool = False, say: Callable[[str], None] = lambda _: None
) -> Answers:
    """Build the scene of a plan and ask everything.

    Args:
        splats: File of the splats that methods are asked on.
        work: An empty folder for the workspace.
        renew: See `trained_but_kept`.
        say: Told what is being done.
    """
    assert plan.folder is not None
    photos = work / "photos"
    photos.mkdir()
    for path in sorted((plan.folder / "images").iterdir()):
        if not plan.photos or path.name in plan.photos:
            shutil.copy(path, photos / path.name)
    lab = Lab(work / "workspace", device="cpu")
    shown: dict[str, float] = {}
    with one_thread(), contextlib.closing(lab):
        say("scene")
        lab.import_capture(photos, plan.name)
        with true_scene(plan) if plan.from_truth else contextlib.nullcontext():
            lab.reconstruct(plan.name, plan.reconstruct)
        say("masks")
        masks = lab.masks(plan.name)
        if not plan.from_truth:
            say("splats")
            with trained_but_kept(splats if plan.keeps_splats else None, shown, renew=renew):
                lab.gaussians(plan.name, plan.gaussians)
        scene = lab.scene(plan.name)
        sizes = tuple((view.camera.height, view.camera.width) for view in scene.views)
        found = Answers(this_machine(), sizes, parts_of(scene, masks), shown)
        for entry in (one for one in list_methods() if not plan.methods or one.name in plan.methods):
            say(entry.name)
            lab.prepare(plan.name, entry.name, entry.quick)
            session = Session(lab)
            session.open(plan.name)
            session.set_method(entry.name, entry.quick)
            found.answers[entry.name] = dict(asked(plan, session, entry))
            if entry.make.geometry == "gaussians":  # on splats each of them trains something of its own
                found.truth[entry.name] = truth_ious(plan, found, entry.name)
            found.files[entry.name] = exported(session, work / "out" / entry.name, entry.name)
    return found


@contextlib.contextmanager
def true_scene(plan: Plan) -> Iterator[None]:
    """Reconstruction gives the true cameras and depths of a plan's photos."""
    assert plan.folder is not None
    full = scene_from_truth(plan.folder, max_side=plan.reconstruct.max_side)
    taken = [i for i, view in enumerate(full.views) if not plan.photos or view.name in plan.photos]
    views = tuple(full.views[i] for i in taken)
    sizes = {view.name: (view.lens.width, view.lens.height) for view in views}
    some = replace(full, views=views, pointmap=full.pointmap.of_views(taken), photo_sizes=sizes)

    def reconstruct(capture: Any, config: Any, *, key: str, **_: Any) -> tuple[Scene, ReconstructReport]:
        names = tuple(view.name for view in some.views)
        return replace(some, key=key), ReconstructReport(names, (), True, 1000, 0.3, 12.0, 0.9, ())

    with mock.patch("liftlab.pipelines.steps.reconstruct.reconstruct", reconstruct):
        yield


def parts_of(scene: Scene, masks: Any) -> dict[str, str]:
    """Digests of what all methods start from."""
    gaussians = scene.gaussians
    cameras = [np.ascontiguousarray(m) for v in scene.views for m in (v.camera.K, v.camera.world_to_camera)]
    cached = [
        masks.mask(view, object_id)
        for object_id in masks.object_ids.tolist()
        for view in range(masks.num_views)
    ]
    parts = {
        "cameras": digest_of(*cameras),
        "points": digest_of(scene.pointmap.points),
        "masks": digest_of(*cached),
    }
    if gaussians is not None:
        splats = (gaussians.means, gaussians.scales, gaussians.opacities, gaussians.sh)
        parts["splats"] = digest_of(*splats)
    return parts


def asked(plan: Plan, session: Session, entry: MethodEntry) -> Iterator[tuple[str, Kept]]:
    """Every prompt with its answer, in order; later ones build on earlier ones."""
    for name, click in plan.clicks.items():
        session.new_object(name)
        yield f"click {name}", of_object(session.add(click))
    yield "granularity 0.9", of_object(session.set_granularity(0.9))
    yield "granularity 0.1", of_object(session.set_granularity(0.1))
    session.undo()
    yield "undo of both", of_object(session.undo())
    session.new_object("box")
    yield "box", of_object(session.add(plan.box))
    session.new_object("corrected")
    for number, click in enumerate(plan.corrections, 1):
        sign = "+" if click.positive else "-"
        yield f"correction {number} ({sign})", of_object(session.add(click))
    stroke = plan.stroke
    yield "stroke", of_object(session.paint(stroke.image, stroke.points, stroke.radius, stroke.positive))
    yield "grown", of_object(session.grow())
    session.undo()
    yield "undo of stroke", of_object(session.undo())
    session.new_object("in 3d")
    yield "3D click", of_object(session.click_ray(*ray_of(session.scene, plan.in_3d)))
    lookup = session.lab.word_lookup(plan.name, entry.name, entry.quick)
    for text in plan.words:
        result = lookup.search(text)
        said = ", ".join(f"{found.object_id}: {found.score:.4f}" for found in result.found[:5])
        views = range(len(session.scene.views)) if session.scene and result.found else ()
        best = [lookup.index.mask(view, result.found[0].object_id) for view in views]
        yield f"words {text}", kept(best or blank(session), said=said or result.message)
    everything = session.decompose()
    assert everything is not None
    said = f"{len({int(i) for labels in everything for i in np.unique(labels)} - {0})} objects"
    borders = [border_of(labels) for labels in everything]
    yield "everything", kept(borders, said=f"{said}, {digest_of(*everything)}")


def of_object(state: ObjectState | None) -> Kept:
    """The answer that an object has now."""
    assert state is not None and state.result is not None, "the method did not answer"
    result = state.result
    return kept(state.masks, result.selected, said=state.message)


def border_of(labels: np.ndarray) -> np.ndarray:
    """Pixels beside one of another label: what is seen of label maps whose numbers mean nothing."""
    border = np.zeros(labels.shape, bool)
    border[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    border[1:] |= labels[1:] != labels[:-1]
    return border


def blank(session: Session) -> list[np.ndarray]:
    assert session.scene is not None
    return [np.zeros((view.camera.height, view.camera.width), bool) for view in session.scene.views]


def ray_of(scene: Scene | None, click: PhotoClick) -> tuple[np.ndarray, np.ndarray]:
    """Where the ray of a photo's pixel starts and where it goes, world frame (lenses are taken as straight)."""
    assert scene is not None
    view = scene.views[scene.view_index(click.image)]
    scale = view.camera.width / view.lens.width
    K, pose = np.asarray(view.camera.K, np.float64), np.asarray(view.camera.world_to_camera, np.float64)
    in_camera = np.linalg.solve(K, np.array([click.x * scale, click.y * scale, 1.0]))
    return -pose[:3, :3].T @ pose[:3, 3], pose[:3, :3].T @ in_camera


def exported(session: Session, out: Path, method: str) -> dict[str, tuple[str, int]]:
    """Exports of the first object, file by file; of what is refused (it has no place in 3D), the sentence."""
    first = session.objects[0].id
    splats = session.scene is not None and session.scene.gaussians is not None
    kinds = (
        OF_EVERY_METHOD + (WITH_SPLATS if splats else ()) + (OF_ONE_METHOD if method == ONE_METHOD else ())
    )
    for kind in kinds:
        try:
            session.export(kind, out / kind, [first])
        except InputError as error:
            (out / kind).mkdir(parents=True, exist_ok=True)
            (out / kind / "refused.txt").write_text(str(error))
    return {
        path.relative_to(out).as_posix(): digest_of_file(path)
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def digest_of_file(path: Path) -> tuple[str, int]:
    """Digest and bytes of a file; of JSON without what changes from run to run."""
    raw = path.read_bytes()
    if path.suffix == ".json":
        raw = json.dumps(without_clocks(json.loads(raw)), sort_keys=True).encode()
    return digest_of(raw), len(raw)


def without_clocks(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_clocks(inner) for name, inner in value.items() if name not in CLOCKS}
    return [without_clocks(inner) for inner in value] if isinstance(value, list) else value


def main(capture: str, file: str, splats: str, renew: str = "") -> int:
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {what}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as work:
        found = answers_of(PLANS[capture], Path(splats), Path(work), renew=bool(renew), say=say)
        found.save(Path(file))
    compiled = compiled_here()
    if compiled:
        say(f"compiled {', '.join(compiled)}")
    return COMPILED if compiled else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
