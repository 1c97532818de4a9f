"""A scene with splats to export."""

import shutil
from pathlib import Path
from unittest import mock

import pytest

from liftlab.engine.lab import Lab
from tests.toy_workspace import NAME, untrained


@pytest.fixture(scope="session")
def splat_lab(toy_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab whose scene has splats; tests only read it."""
    root = tmp_path_factory.mktemp("splats") / "workspace"
    shutil.copytree(toy_source, root)
    lab = Lab(root)
    with mock.patch("liftlab.pipelines.steps.gaussians.build_gaussians", untrained):
        lab.gaussians(NAME)
    return lab
