"""One case in a process of its own: `python -m liftlab.bench.worker CASE.json WORKSPACE OUT`.

Prints one JSON object per line while it works ({"fraction", "message"}), and writes OUT/result.json and pictures at the
end. When its stdin closes, whoever started it is gone, and it ends at once.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import liftlab.components  # noqa: F401  (before torch: components/__init__.py says why)
from liftlab.bench.pictures import save_pictures
from liftlab.bench.plan import Case, masks_config, method_config, shortened, with_photos
from liftlab.bench.provenance import device_name
from liftlab.components.captures.benchmark_layouts import BenchmarkScene, open_benchmark
from liftlab.components.errors import Cancelled, InputError
from liftlab.components.files import write_json
from liftlab.components.processes.scratch import scratch_folder
from liftlab.components.progress import CancelToken, part_of
from liftlab.components.types import Scene
from liftlab.engine.lab import Lab
from liftlab.pipelines.base import Prepared, Segmenter, seeded
from liftlab.pipelines.benchmarking.answers import Answers
from liftlab.pipelines.benchmarking.scoring import plain, score_scene
from liftlab.search.words import VOTING


def main(case_file: Path, workspace: Path, out: Path, prepare_secs: float) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    case = Case.from_json(case_file.read_text(encoding="utf-8"))
    try:
        result = run(case, workspace, out, prepare_secs)
    except InputError as error:
        result = {"status": "failed", "sentence": str(error)}
    write_json(out / "result.json", result)


def run(case: Case, workspace: Path, out: Path, prepare_secs: float) -> dict[str, Any]:
    """Reconstruct, find masks, prepare and score; every shared step comes from the workspace when it is there."""
    bench = _scene_of(case)
    lab = Lab(workspace, device=case.effort.device)
    try:
        name = _steps(lab, case, bench)
        scene, masks = lab.scene(name), lab.masks(name)
        config = method_config(case.method, case.settings, case.effort)
        segmenter = lab.segmenter(case.method, config)
        started = time.perf_counter()
        prepared = _prepare(segmenter, scene, masks, case, prepare_secs)
        prepare = time.perf_counter() - started
        encoder = lab.text_encoder(case.effort.encoder) if bench.protocol == "text" else None
        answers = Answers(
            scene, bench, segmenter, prepared, encoder=encoder, votes=case.effort.encoder == VOTING
        )
        score = score_scene(
            answers, clicks=case.effort.clicks, seed=case.seed, saved=case.saved_clicks,
            progress=part_of(_report, 0.7, 0.97),
        )  # fmt: skip
        save_pictures(answers, score, out)
        steps = {step: record["seconds"] for step, record in lab.step_records(name).items()}
    finally:
        lab.close()
    record = plain(score)
    timing = {
        **steps, "prepare": round(prepare, 3), "click": record.pop("click_secs"),
        "click_p95": record.pop("click_p95_secs"), "everything": record.pop("everything_secs"),
    }  # fmt: skip
    return {
        "status": "ok", "sentence": "", **record, "config": case.config, "views": len(scene.views),
        "geometry": segmenter.geometry, "protocol": bench.protocol,
        "ranker": case.effort.encoder if bench.protocol == "text" else None,
        "device": device_name(case.effort.device), "timing": timing,
    }  # fmt: skip


def _scene_of(case: Case) -> BenchmarkScene:
    for scene in open_benchmark(Path(case.folder), case.layout):
        if scene.name == case.scene:
            return with_photos(scene, case.effort, case.seed)
    raise InputError(f"The scene '{case.scene}' is no longer in: {case.folder}")


def _steps(lab: Lab, case: Case, bench: BenchmarkScene) -> str:
    """Everything before the method, under a scene name of this case's own, so that cases do not cross."""
    from liftlab.pipelines.steps.gaussians import default_config
    from liftlab.pipelines.steps.reconstruct import ReconstructConfig

    name = f"bench-{case.key}"
    report = part_of(_report, 0.0, 0.6)
    capture = _imported(lab, bench)
    effort = case.effort
    config = ReconstructConfig() if effort.max_side is None else ReconstructConfig(max_side=effort.max_side)
    lab.reconstruct(name, config, capture=capture, progress=part_of(report, 0.0, 0.4))
    lab.masks(name, masks_config(case.masks), progress=part_of(report, 0.4, 0.6))
    if lab.segmenter(case.method).geometry == "gaussians":
        splats = default_config(effort.device)
        if effort.splat_steps is not None:
            splats = shortened(splats, effort.splat_steps)
        lab.gaussians(name, splats, progress=part_of(report, 0.6, 1.0))
    return name


def _imported(lab: Lab, bench: BenchmarkScene) -> str:
    """The capture's name in the workspace; its known cameras go with it."""
    with scratch_folder("liftlab-bench-") as folder:
        cameras = None
        if bench.cameras is not None:
            cameras = folder / "cameras.json"
            write_json(cameras, bench.cameras)
        return lab.import_capture(list(bench.photos), bench.name, cameras=cameras).name


def _prepare(segmenter: Segmenter, scene: Scene, masks: Any, case: Case, prepare_secs: float) -> Prepared:
    """Prepare within the time limit. InputError when it takes longer."""
    token = CancelToken()
    timer = threading.Timer(prepare_secs, token.cancel)
    timer.daemon = True
    timer.start()
    try:
        return segmenter.prepare(
            scene, masks, progress=part_of(_report, 0.6, 0.7), cancel=token, generator=seeded(case.seed)
        )
    except Cancelled as error:
        raise InputError(
            f"Preparing took longer than {prepare_secs:g} s; allow more with --prepare-secs."
        ) from error
    finally:
        timer.cancel()


def _report(fraction: float, message: str = "") -> None:
    print(json.dumps({"fraction": fraction, "message": message}), flush=True)


def _end_with_parent() -> None:
    """stdin reaches its end when the parent dies, also by a kill."""
    while os.read(0, 4096):  # not sys.stdin: its lock would be held when Python shuts down
        pass
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4]))
