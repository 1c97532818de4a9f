"""Truth never leaks: with poison in truth/ and test/, every step runs and no process opens one of those files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

REPOSITORY = Path(__file__).parent.parent
DESK = REPOSITORY / "assets" / "captures" / "desk" / "images"
PHOTOS, SIDE = 4, 320

HOOK = """
import os, sys

def watch(event, arguments):
    if event in ("open", "os.open") and isinstance(arguments[0], (str, bytes)):
        path = os.path.abspath(os.fsdecode(arguments[0]))
        if any(folder in path for folder in os.environ["POISONED"].split(os.pathsep)):
            os.write(int(os.environ["POISON_PIPE"]), (path + "\\n").encode())

sys.addaudithook(watch)
"""
"""Loaded by every Python process of the run, before anything else. Native code is caught by pipes among the poison:
opening one for reading never returns, and the run is over its time."""

STEPS = """
import sys
from liftlab.cli.main import main
for arguments in {commands!r}:
    try:
        main(arguments)
    except SystemExit as stop:
        if stop.code:
            sys.exit(f"{{arguments}} ended with {{stop.code}}")
"""


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """A few small photos of the desk, with poison where truth would be."""
    folder = tmp_path / "desk"
    (folder / "images").mkdir(parents=True)
    for path in sorted(DESK.iterdir())[:PHOTOS]:
        with Image.open(path) as image:
            image.thumbnail((SIDE, SIDE))
            image.save(folder / "images" / f"{path.stem}.jpg", quality=95)
    for name in ("truth", "test", "test/truth"):
        (folder / name).mkdir()
        for file in ("cameras.json", "objects.json", "points.npz", "000.jpg"):
            (folder / name / file).write_bytes(b"poison")
        (folder / name / "capture.json").write_text('{"poison": true}')
        os.mkfifo(folder / name / "photo.jpg")
    return folder


def run_watched(
    script: str, capture: Path, tmp_path: Path
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run Python code in a process that reports every poisoned file it or a child opens."""
    (tmp_path / "site").mkdir(exist_ok=True)
    (tmp_path / "site" / "sitecustomize.py").write_text(HOOK)
    log = os.open(tmp_path / "opened.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.set_inheritable(log, True)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(REPOSITORY)]),
        "POISONED": os.pathsep.join([str(capture / "truth"), str(capture / "test")]),
        "POISON_PIPE": str(log),
    }
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, close_fds=False, capture_output=True, text=True,
        timeout=250, check=False,
    )  # fmt: skip
    os.close(log)
    return done, (tmp_path / "opened.txt").read_text().splitlines()


def test_the_watch_sees_an_opened_file_in_a_process_and_its_child(capture: Path, tmp_path: Path) -> None:
    child = f"open({str(capture / 'truth' / 'cameras.json')!r}).close()"
    script = (
        f"import subprocess, sys\n{child}\nsubprocess.run([sys.executable, '-c', {child!r}], close_fds=False)"
    )
    done, opened = run_watched(script, capture, tmp_path)
    assert done.returncode == 0
    assert opened == [str(capture / "truth" / "cameras.json")] * 2


@pytest.mark.timeout(280)
def test_no_step_opens_truth_or_test_photos(capture: Path, tmp_path: Path) -> None:
    common = ["--workspace", str(tmp_path / "workspace"), "--json"]
    prompts = tmp_path / "prompts.json"
    first = min((capture / "images").iterdir()).name
    with Image.open(capture / "images" / first) as image:
        width, height = image.size
    click = {"image": first, "x": width / 2, "y": height / 2, "positive": True}
    prompts.write_text(json.dumps([{"object": "a", "clicks": [click]}]))
    out = str(tmp_path / "out")
    kinds = ["masks", "coco", "colmap", "transforms", "segmentation", "notebook"]
    commands = [
        ["reconstruct", str(capture), "--scene", "s", "--max-side", str(SIDE)],
        ["masks", "s"],
        ["prepare", "s", "--set", "aligning.iterations=10"],
        ["segment", "s", "--prompts", str(prompts), "--out", out],
        ["decompose", "s", "--out", out],
        ["export", "s", "--out", out, "--prompts", str(prompts), "--kinds", *kinds],
        ["run", f"{out}/notebook.json"],
        ["workspace", "verify"],
    ]
    script = STEPS.format(commands=[[*command, *common] for command in commands])
    done, opened = run_watched(script, capture, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert opened == []
    results = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(results) == len(commands)
    assert len(results[0]["registered"]) >= 3
    assert results[6]["identical"]
    photos = {path.name for path in (tmp_path / "workspace" / "captures" / "desk" / "images").iterdir()}
    assert photos == {path.name for path in (capture / "images").iterdir()}
    assert all(np.array(item["sound"]) for item in results[7]["items"])
