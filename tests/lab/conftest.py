"""A workspace with the toy scene, built once and copied for each test that changes it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from liftlab.engine.lab import Lab
from liftlab.pipelines.steps import reconstruct as reconstruct_step
from liftlab.pipelines.steps.reconstruct import ReconstructReport
from liftlab.session.session import Session
from tests.made_once import made_once
from tests.toy import Toy, make_toy
from tests.toy_workspace import HEIGHT, NAME, VIEWS, WIDTH, fill


@pytest.fixture(scope="session")
def toy_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Root of a workspace that holds the prepared toy; never written by tests."""
    return made_once(tmp_path_factory, "toy", lambda root: fill(root).close())


@pytest.fixture(scope="session")
def toy() -> Toy:
    return make_toy(width=WIDTH, height=HEIGHT, views=VIEWS)


@pytest.fixture(scope="session")
def shared_lab(toy_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab on the toy that tests only read."""
    root = tmp_path_factory.mktemp("shared") / "workspace"
    shutil.copytree(toy_source, root)
    return Lab(root)


@pytest.fixture
def lab(toy_source: Path, tmp_path: Path) -> Lab:
    """A lab of the test's own, with the prepared toy in it."""
    shutil.copytree(toy_source, tmp_path / "workspace")
    return Lab(tmp_path / "workspace")


@pytest.fixture
def session(shared_lab: Lab) -> Session:
    session = Session(shared_lab)
    session.open(NAME)
    return session


@pytest.fixture
def counted_steps(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Replace reconstruction and masks by the exact toy, and count how often each is computed."""
    counts = {"reconstruct": 0, "masks": 0}
    real = reconstruct_step.reconstruct

    def reconstruct(capture, config, *, key, device, progress, cancel):
        counts["reconstruct"] += 1
        if capture.splats is not None:  # the toy has photos
            return real(capture, config, key=key, device=device, progress=progress, cancel=cancel)
        cancel.check()
        progress(0.5, "halfway")
        scene = make_toy(key=key, width=WIDTH, height=HEIGHT, views=VIEWS).scene
        names = tuple(view.name for view in scene.views)
        return scene, ReconstructReport(names, (), True, 1000, 0.3, 12.0, 0.9, ())

    def build_masks(scene, config, *, device, progress, cancel):
        counts["masks"] += 1
        return make_toy(key=scene.key, width=WIDTH, height=HEIGHT, views=VIEWS).masks

    monkeypatch.setattr("liftlab.pipelines.steps.reconstruct.reconstruct", reconstruct)
    monkeypatch.setattr("liftlab.pipelines.steps.masks.build_masks", build_masks)
    return counts


@pytest.fixture
def photos_of(tmp_path: Path, toy: Toy) -> Callable[[str], Path]:
    """Write the toy's photos into a new folder."""
    from PIL import Image

    def write(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for view in toy.scene.views:
            Image.fromarray(view.image).save(folder / view.name)
        return folder

    return write
