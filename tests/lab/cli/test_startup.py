"""What a command that only looks something up does not load: each of these costs every call a share of a second."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from liftlab.engine.workspace import Workspace
from tests.not_none import not_none
from tests.toy import Toy
from tests.toy_workspace import NAME, box_center

HEAVY = {
    "av", "fastapi", "gradio", "gsply", "numba", "pandas", "psutil", "pycolmap", "scipy.ndimage", "scipy.optimize",
    "scipy.sparse", "scipy.spatial", "scipy.special", "scipy.stats", "skimage", "sklearn", "trimesh", "uvicorn",
    "viser",
}  # fmt: skip
"""Packages of others."""
OURS = {
    "liftlab.components.captures.importing", "liftlab.components.export.turntable",
    "liftlab.components.gaussians.training", "liftlab.components.rasterize", "liftlab.components.sfm",
    "liftlab.page", "liftlab.pipelines.methods.contrastive_lift", "liftlab.pipelines.methods.gaga",
    "liftlab.pipelines.methods.proto_saga", "liftlab.pipelines.methods.saga", "liftlab.pipelines.methods.unic_lift",
    "liftlab.pipelines.steps.gaussians", "liftlab.pipelines.steps.masks.build",
    "liftlab.pipelines.steps.reconstruct.build", "liftlab.view3d", "liftlab.web",
}  # fmt: skip
"""Other methods (prepared for the scene, too), steps that are done already, formats that nobody asked for."""
RUN = f"""
import json, sys
from liftlab.cli.main import main

try:
    main(sys.argv[1:])
except SystemExit as ended:
    assert not ended.code, ended.code
print(json.dumps(sorted({HEAVY | OURS!r} & set(sys.modules))))
"""


def test_a_click_on_what_is_prepared_loads_only_what_answers_it(
    toy_root: Path, toy: Toy, tmp_path: Path
) -> None:
    shutil.copytree(toy_root, tmp_path / "workspace")
    workspace = Workspace(tmp_path / "workspace")
    entry = not_none(workspace.scene_entry(NAME))
    others = dict.fromkeys(("saga", "gaga"), not_none(entry.methods)["wildseg3d"])
    workspace.write_scene_entry(replace(entry, methods={**not_none(entry.methods), **others}))
    x, y = box_center(toy, 0, 1)
    click = {"image": toy.scene.views[0].name, "x": x, "y": y, "positive": True}
    (tmp_path / "prompts.json").write_text(json.dumps([{"object": "box", "clicks": [click]}]))
    words = [
        "segment",
        NAME,
        "--prompts",
        "prompts.json",
        "--out",
        "out",
        "--workspace",
        "workspace",
        "--json",
    ]
    done = subprocess.run(
        [sys.executable, "-c", RUN, *words], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer, loaded = (json.loads(line) for line in done.stdout.splitlines()[-2:])
    assert answer["objects"][0]["points"] > 0 and not answer["objects"][0]["slow_path"]
    assert loaded == []
