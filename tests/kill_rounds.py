"""A lab at work in a process of its own, stage by stage, so that a test can kill it at any moment of any stage.

The expensive computing is replaced by the exact toy; all reading and writing is what the lab does.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from PIL import Image

import liftlab.pipelines.steps.gaussians
import liftlab.pipelines.steps.masks
import liftlab.pipelines.steps.reconstruct
from liftlab.components.sfm.child import Matcher
from liftlab.components.sfm.model import SfmOptions, SfmPhoto
from liftlab.engine.lab import Lab
from liftlab.export.outputs import export
from liftlab.pipelines.base import get_method
from liftlab.session.session import Session
from liftlab.web.visitor import Visitor
from tests.toy import Toy, make_toy
from tests.toy_workspace import HEIGHT, NAME, VIEWS, WIDTH, box_center, fill, untrained

STAGES = (
    "import", "cameras", "reconstruct", "masks", "gaussians", "prepare", "clicks", "keep", "notebook", "export",
)  # fmt: skip
VISITOR = "visitor-of-the-tests-1"
WORK = "work"
"""Scene that is made anew in every round; NAME is the one that is clicked in."""
KINDS = ["ply", "glb", "masks", "coco", "colmap", "transforms", "splats", "spz", "segmentation", "notebook"]


@dataclass(frozen=True)
class Places:
    """Where a round works."""

    root: Path
    """The workspace."""
    photos: Path
    out: Path
    """Of exports."""


def begin(places: Places) -> None:
    """A workspace with the toy in it, and photos of it."""
    fill(places.root, splats=True).close()
    places.photos.mkdir()
    places.out.mkdir()
    for view in make_toy(width=WIDTH, height=HEIGHT, views=VIEWS).scene.views:
        Image.fromarray(view.image).save(places.photos / view.name)


def work(places: Places, stage: str, number: int, line: Connection) -> None:
    """Say when the stage begins and when it has ended. `number` makes its inputs new ones."""
    os.setpgrp()  # so that it is killed with its children
    toy = make_toy(width=WIDTH, height=HEIGHT, views=VIEWS)
    _compute_nothing(toy)
    lab = Lab(places.root)
    act = _stage(lab, places, toy, stage, number)
    line.send(("begins", time.monotonic()))
    act()
    line.send(("ended", time.monotonic()))
    line.recv()


def _match(photos: list[SfmPhoto]) -> None:
    with Matcher(photos, SfmOptions()) as matcher:
        matcher.run({"kind": "match"}, {"kind": "incremental"})


def _stage(lab: Lab, places: Places, toy: Toy, stage: str, number: int) -> Callable[[], object]:
    """What the stage does; what has to be there before is made here."""
    from liftlab.pipelines.steps.gaussians import GaussiansConfig
    from liftlab.pipelines.steps.masks import MasksConfig
    from liftlab.pipelines.steps.reconstruct import ReconstructConfig

    if stage == "import":
        path = places.photos / "000.png"
        pixels = np.array(Image.open(path))
        pixels[0, 0] = number % 256
        Image.fromarray(pixels).save(path)
        return lambda: lab.import_capture(places.photos, "again")
    if stage == "cameras":
        photos = [SfmPhoto(v.name, v.image, v.lens.width, v.lens.height, None) for v in toy.scene.views]
        return lambda: _match(photos)
    if stage == "reconstruct":
        config = ReconstructConfig(seed=number)
        return lambda: lab.reconstruct(WORK, config, capture=NAME)
    if stage == "masks":
        lab.reconstruct(WORK, capture=NAME)
        return lambda: lab.masks(WORK, MasksConfig(min_pixels=number))
    if stage == "gaussians":
        lab.reconstruct(WORK, capture=NAME)
        return lambda: lab.gaussians(WORK, GaussiansConfig(start_count=number + 1))
    if stage == "prepare":
        lab.reconstruct(WORK, capture=NAME)
        lab.masks(WORK)
        config = replace(get_method("wildseg3d").config_class(), box_iou=number / 1000)
        return lambda: lab.prepare(WORK, "wildseg3d", config)
    if stage == "clicks":
        visitor = Visitor(VISITOR, lab)
        visitor.open(NAME)
        return lambda: [_clicked(visitor.act, toy, times) for times in range(12)]
    session = Session(lab)
    session.open(NAME)
    session.new_object(f"thing {number}")
    session.click("001.png", *box_center(toy, 1, 1 + number % 3))
    if stage == "keep":
        return session.keep
    if stage == "notebook":
        return lambda: [session.notebook().save(lab.workspace.notebooks / f"{i}.json") for i in range(10)]
    return lambda: export(session, KINDS, places.out / str(number))


def _clicked(act: Callable[[Callable[[Session], object]], object], toy: Toy, times: int) -> None:
    x, y = box_center(toy, times % VIEWS, 1 + times % 3)
    photo = toy.scene.views[times % VIEWS].name
    act(lambda session: session.new_object() if times % 4 == 0 else None)
    act(lambda session: session.click(photo, x, y))


def _compute_nothing(toy: Toy) -> None:
    def reconstruct(capture, config, *, key, device, progress, cancel):
        progress(0.5, "halfway")
        scene = make_toy(key=key, width=WIDTH, height=HEIGHT, views=VIEWS).scene
        names = tuple(view.name for view in scene.views)
        return scene, liftlab.pipelines.steps.reconstruct.ReconstructReport(
            names, (), True, 9, 0.3, 12.0, 0.9, ()
        )

    def build_masks(scene, config, *, device, progress, cancel):
        return make_toy(key=scene.key, width=WIDTH, height=HEIGHT, views=VIEWS).masks

    liftlab.pipelines.steps.reconstruct.reconstruct = reconstruct
    liftlab.pipelines.steps.masks.build_masks = build_masks
    liftlab.pipelines.steps.gaussians.build_gaussians = untrained


def assert_readable(folder: Path) -> None:
    """Every file below a folder is whole, and no other is there."""
    for path in folder.rglob("*"):
        assert not path.name.startswith("."), path
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif path.suffix == ".png":
            with Image.open(path) as image:
                image.load()
