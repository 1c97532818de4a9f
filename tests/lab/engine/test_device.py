"""The lab takes a graphics card where there is one that splats can be rendered on, and says what it takes."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from liftlab.cli.bench import _device
from liftlab.cli.doctor import examine
from liftlab.engine.lab import Lab
from liftlab.machine import device
from liftlab.page.cells import methods
from liftlab.pipelines.methods.wildseg3d import WildSeg3DConfig
from liftlab.pipelines.steps.masks import MasksConfig
from liftlab.pipelines.steps.reconstruct import ReconstructConfig
from liftlab.web.visitor import Visitor
from tests.toy_workspace import NAME

CARD = "Card 3000"


@pytest.fixture(params=["no card", "card without gsplat", "card"])
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A computer as torch would see it."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: request.param != "no card")
    monkeypatch.setattr("torch.cuda.get_device_name", lambda *_: CARD)
    monkeypatch.setattr(device, "renders_on_card", lambda: request.param == "card")
    return request.param


SAYS = {
    "no card": "Computes on the processor.",
    "card without gsplat": "Splats and methods compute on the processor: gsplat, which the graphics card needs, "
    "is not installed.",
    "card": f"Computes on {CARD}.",
}


def test_auto_takes_a_card_that_renders(machine: str, tmp_path: Path) -> None:
    expected = "cuda" if machine == "card" else "cpu"
    assert Lab(tmp_path / "w").device == expected
    assert _device("auto") == expected
    for wanted in ("cpu", "cuda"):
        assert Lab(tmp_path / "w", device=wanted).device == wanted == _device(wanted)


def test_the_doctor_says_what_is_taken(machine: str, tmp_path: Path) -> None:
    checks = {check.name: check for check in examine(tmp_path / "w")}
    assert checks["device"].detail == SAYS[machine] and checks["device"].ok
    assert checks["graphics card"].ok == (machine != "no card")
    assert ("gsplat" in checks["splats"].detail) == (machine == "card")


def test_the_page_says_what_is_taken(machine: str, toy_source: Path, tmp_path: Path) -> None:
    shutil.copytree(toy_source, tmp_path / "workspace")
    visitor = Visitor("visitor-of-the-device", Lab(tmp_path / "workspace"))
    assert methods.status(visitor).notes == (SAYS[machine],)


def test_a_lab_kept_on_the_processor_says_so(machine: str) -> None:
    assert "processor" in device.about_device("cpu")


class Asked(Exception):
    """Ends a step when it has asked for its network."""


STEPS: dict[str, Callable[[Lab], Any]] = {
    "cameras from pairs": lambda lab: lab.reconstruct(NAME, ReconstructConfig(pointmaps="mast3r")),
    "proposals": lambda lab: lab.masks(NAME, MasksConfig(proposer="sam2")),
    "proposals followed": lambda lab: lab.masks(NAME, MasksConfig(proposer="sam2", following="sam2")),
    "aligned pairs": lambda lab: lab.prepare(
        NAME, "wildseg3d", WildSeg3DConfig(pairs="mast3r", alignment="ga")
    ),
    "clicks": lambda lab: lab.prepare(NAME, "wildseg3d", WildSeg3DConfig(click_solver="sam2")),
    "words": lambda lab: lab.text_encoder("open_clip"),
}
"""Every step that makes a network."""
OF_METHODS = ("aligned pairs", "clicks")
"""Of these, what a method makes, which computes where the lab's methods do."""


@pytest.mark.parametrize("wanted", ["cpu", "cuda", "cuda:1", "auto"])
@pytest.mark.parametrize("step", STEPS)
def test_networks_are_made_where_the_lab_computes(
    machine: str, step: str, wanted: str, toy_source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def factory(*_: Any, device: Any = None) -> Any:
        asked.append(str(device or _[1]))
        raise Asked

    monkeypatch.setattr("liftlab.pipelines.models.pair_predictor", factory)
    monkeypatch.setattr("liftlab.pipelines.models.sam2_network", factory)
    monkeypatch.setattr("liftlab.components.text.open_clip.load_encoder", factory)
    shutil.copytree(toy_source, tmp_path / "workspace")
    lab = Lab(tmp_path / "workspace", device=wanted)
    with pytest.raises(Asked):
        STEPS[step](lab)
    without_gsplat = "cpu" if step in OF_METHODS else "cuda"
    auto = {"no card": "cpu", "card without gsplat": without_gsplat, "card": "cuda"}[machine]
    assert asked == [auto if wanted == "auto" else wanted]
