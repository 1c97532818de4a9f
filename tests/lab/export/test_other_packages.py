"""Export formats of other packages are offered everywhere, and broken ones stop nothing."""

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from liftlab.cli import main as cli
from liftlab.cli.doctor import examine
from liftlab.components.errors import InputError
from liftlab.engine.lab import Lab
from liftlab.export.downloads import export_file, offers
from liftlab.export.formats import EXPORT_FORMATS
from liftlab.export.outputs import every_kind, export
from liftlab.export.table import main as make_table
from liftlab.export.table import ours, table_of
from liftlab.page.state import state_of
from liftlab.web.visitor import Visitor
from liftlab.web.wire.messages import Ready
from tests.lab.export.toy_exports import EXAMPLE, ORDER
from tests.toy import Toy
from tests.toy_workspace import NAME, box_center


def install(folder: Path, package: str, entry: str) -> None:
    """What pip leaves of a package that offers a format."""
    about = folder / f"{package}-1.2.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text(f"[liftlab.exporters]\n{entry}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place for packages; whatever they offer is gone after the test."""
    before = set(EXPORT_FORMATS.names())
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    EXPORT_FORMATS.look_again()
    yield folder
    monkeypatch.undo()
    for name in {*EXPORT_FORMATS.names()} - before:
        EXPORT_FORMATS.forget(name)
    sys.modules.pop("liftlab_csv", None)
    EXPORT_FORMATS.look_again()


@pytest.fixture
def example(site: Path) -> None:
    """The example, installed."""
    shutil.copy(EXAMPLE, site / "liftlab_csv.py")
    install(site, "liftlab_csv", "csv = liftlab_csv")


@pytest.fixture
def visitor(lab: Lab, toy: Toy) -> Iterator[Visitor]:
    """A browser in which a box is clicked."""
    visitor = Visitor("visitor-of-the-tests-1", lab)
    visitor.open(NAME)
    visitor.act(lambda session: session.click("001.png", *box_center(toy, 1, 1)))
    yield visitor
    visitor.close()


@pytest.mark.usefixtures("example")
def test_a_format_of_another_package_is_offered_everywhere(
    visitor: Visitor, toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = state_of(visitor)
    assert isinstance(state, Ready)
    in_page = state.exports
    assert [entry.kind for entry in in_page] == [*ORDER, "csv", "all"]
    assert in_page[-2].title == "Points as a table" and in_page[-2].missing == ""
    download = export_file(visitor, "csv")
    assert download.media_type == "text/csv" and download.path.suffix == ".csv"
    assert download.path.read_text().startswith("x,y,z,red,green,blue\n")
    assert "csv" in every_kind(visitor.session)

    with pytest.raises(SystemExit):
        cli.main(["export", "--help"])
    told = re.sub(r"[│\s]+", " ", capsys.readouterr().out)
    assert (
        "What to write: ply, glb, masks, coco, colmap, transforms, dataset, segmentation, notebook, csv; with"
        in told
    )
    with pytest.raises(
        InputError, match=r"Unknown export 'csw'. Did you mean 'csv'\? Available: ply, .*, csv\."
    ):
        export(visitor.session, ["csw"], tmp_path / "out")
    check = next(check for check in examine(tmp_path / "other") if check.name == "export csv")
    assert (check.ok, check.detail) == (True, "Points of the object as a table (CSV); from liftlab_csv 1.2")
    make_table([])
    assert "| `csv` | `OBJECT.csv`: one row per point" in capsys.readouterr().out
    assert "csv" not in table_of(ours()), "our own docs are the same wherever they are made"


@pytest.mark.usefixtures("example")
def test_the_command_line_writes_a_format_of_another_package(
    lab: Lab, toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x, y = box_center(toy, 1, 1)
    prompts = tmp_path / "prompts.json"
    prompts.write_text(json.dumps([{"object": "box", "clicks": [{"image": "001.png", "x": x, "y": y}]}]))
    given = ["export", NAME, "--kinds", "csv", "--prompts", prompts, "--out", tmp_path / "out"]
    with pytest.raises(SystemExit) as stopped:
        cli.main([*map(str, given), "--workspace", str(lab.workspace.root), "--json"])
    assert not stopped.value.code
    (path,) = json.loads(capsys.readouterr().out.strip().splitlines()[-1])["files"]
    rows = Path(path).read_text().splitlines()
    assert path.endswith("box.csv") and len(rows) > 10 and len(rows[1].split(",")) == 6


BROKEN = {
    "not_there": "No module named 'liftlab_broken'",
    "half": "name must be unused; got 'ply'",
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.usefixtures("example")
def test_a_broken_package_is_a_sentence_and_stops_nothing(
    site: Path, visitor: Visitor, tmp_path: Path, case: str
) -> None:
    install(site, "a_broken", "shaky = liftlab_broken")  # found before the example
    if case == "half":
        half = EXAMPLE.read_text().replace('"csv"', '"half"')
        (site / "liftlab_broken.py").write_text(f"{half}\n{half.replace('half', 'ply')}")
    sentence = f"The export plug-in 'shaky' (liftlab_broken) failed to load: {BROKEN[case]}"
    assert [str(error)[: len(sentence)] for error in EXPORT_FORMATS.broken] == [sentence]
    assert [entry["kind"] for entry in offers(splats=True)] == [*ORDER, "csv", "all"]
    assert export_file(visitor, "ply").path.exists() and export_file(visitor, "all").path.exists()
    checks = [check for check in examine(tmp_path / "other") if check.name == "export"]
    assert [(check.ok, check.optional) for check in checks] == [(False, True)]
    assert checks[0].detail.startswith(sentence)
    with pytest.raises(InputError, match=r"'shaky'.*failed to load"):
        export(visitor.session, ["shaky"], tmp_path / "out")
    sys.modules.pop("liftlab_broken", None)
