"""The lab takes a graphics card where there is one that splats can be rendered on, and says what it takes."""

import shutil
from pathlib import Path

import pytest

from liftlab.cli.bench import _device
from liftlab.cli.doctor import examine
from liftlab.engine.lab import Lab
from liftlab.machine import device
from liftlab.page.cells import methods
from liftlab.web.visitor import Visitor

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
