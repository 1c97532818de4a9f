"""The toy as a capture with truth, and a workspace in which its exact scene and masks are found."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.toy import FLOOR, Toy
from tests.toy_workspace import NAME


def write_capture(toy: Toy, folder: Path) -> Path:
    """images/ and truth/ of the toy."""
    (folder / "images").mkdir(parents=True)
    (folder / "truth/instance").mkdir(parents=True)
    for view, instance in zip(toy.scene.views, toy.instance, strict=True):
        Image.fromarray(view.image).save(folder / "images" / view.name)
        labels = np.where(instance == FLOOR, 201, instance).astype(np.uint16)
        cv2.imwrite(str(folder / "truth/instance" / f"{view.stem}.png"), labels)
    objects = [
        {"id": i, "name": name} for i, name in enumerate(("red box", "blue box", "green box"), start=1)
    ]
    (folder / "truth/objects.json").write_text(json.dumps({"objects": objects}))
    return folder


@pytest.fixture(scope="session")
def toy_capture(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_capture(toy, tmp_path_factory.mktemp("capture") / NAME)


@pytest.fixture(scope="session")
def toy_bench_workspace(toy_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bench") / "workspace"
    shutil.copytree(toy_source, root)
    return root
