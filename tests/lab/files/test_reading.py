"""What comes from files is bounded: today's files load exactly, hostile ones are one sentence."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from liftlab.components.errors import Cancelled, InputError
from liftlab.components.progress import CancelToken
from liftlab.engine.lab import Lab
from liftlab.files import reading
from liftlab.files.config_records import config_from_record, to_plain
from liftlab.files.reading import Misfit, bounds_of, from_json, from_plain, plain_from_json
from liftlab.pipelines.base import get_method, list_methods
from liftlab.pipelines.steps.gaussians import GaussiansConfig
from liftlab.pipelines.steps.masks import MasksConfig
from liftlab.pipelines.steps.reconstruct import ReconstructConfig
from liftlab.session.ruler import Scale
from liftlab.session.saving.notebook import Notebook
from liftlab.session.saving.replay import replay
from liftlab.session.session import Session
from liftlab.web.wire.commands import perform
from tests.toy_workspace import NAME

DATA = Path(__file__).parents[2] / "data"
CONFIGS = (ReconstructConfig, MasksConfig, GaussiansConfig, *(entry.config_class for entry in list_methods()))


def still_says(record: Any, old: Any) -> bool:
    """Whether a record says all that an older one says; it may say more."""
    if isinstance(old, dict):
        return all(key in record and still_says(record[key], value) for key, value in old.items())
    if isinstance(old, list):
        return len(record) == len(old) and all(map(still_says, record, old))
    return record == old


READERS = """
import dataclasses, sys, threading
from liftlab.files.reading import from_plain

sys.setswitchinterval(1e-6)
record = {f"part{i}": {"x": 1.0, "y": 2.0} for i in range(20)}
for number in range(30):
    parts = [dataclasses.make_dataclass(f"Part{number}_{i}", [("x", float), ("y", float)]) for i in range(20)]
    whole = dataclasses.make_dataclass(f"Whole{number}", [(f"part{i}", part) for i, part in enumerate(parts)])
    start = threading.Barrier(16)

    def read():
        start.wait()
        from_plain(record, whole)

    threads = [threading.Thread(target=read) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print("all read")
"""
"""Many threads read many classes that nobody has read before. msgspec by itself ends the process in most tries."""


def test_threads_may_read_a_class_for_the_first_time_together() -> None:
    done = subprocess.run([sys.executable, "-c", READERS], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "all read"), done.stderr[-500:]


def test_a_notebook_of_version_1_loads_exactly() -> None:
    path = DATA / "notebook-v1.json"
    notebook = Notebook.load(path)
    assert still_says(to_plain(notebook), json.loads(path.read_text(encoding="utf-8")))
    kinds = ["capture", "reconstruct", "gaussians", "masks", "keep", "prepare", "segment"]
    assert [cell.kind for cell in notebook.cells] == kinds


def test_a_session_of_version_1_is_restored_exactly(shared_lab: Lab) -> None:
    record = json.loads((DATA / "session-v1.json").read_text(encoding="utf-8"))
    session = Session(shared_lab)
    session.from_json(record)
    assert still_says(session.to_json(), record)


def changed(path: Path, tmp_path: Path, place: str, value: Any) -> Path:
    """A copy of a file of JSON with another value at "cells.6.objects.0.colour"."""
    record = json.loads(path.read_text(encoding="utf-8"))
    *way, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    inner = record
    for part in way:
        inner = inner[part]
    inner[last] = value
    (tmp_path / "changed.json").write_text(json.dumps(record), encoding="utf-8")
    return tmp_path / "changed.json"


OBJECT = "cells.6.objects.1"
HOSTILE = {
    "growing for ever": (f"{OBJECT}.prompts.adjust", 1_000_000_000, "adjust: it must be between -20 and 20"),
    "granularity": (f"{OBJECT}.prompts.granularity", 1e308, "granularity: it must be between 0 and 1"),
    "infinite granularity": (f"{OBJECT}.prompts.granularity", float("inf"), "not valid JSON"),
    "markup as colour": (f"{OBJECT}.colour", "<b>red</b>", "colour: it has characters or a form"),
    "style as colour": (f"{OBJECT}.colour", '#fff";}', "colour: it has characters or a form"),
    "markup as name": (f"{OBJECT}.prompts.object", "<b>mug</b>", "cannot be used"),
    "half a character": (f"{OBJECT}.prompts.object", "mug \ud800", "cannot be|not valid"),
    "endless name": (f"{OBJECT}.prompts.object", "x" * 10_000, "object: it must have at most 60 characters"),
    "far click": (f"{OBJECT}.prompts.clicks.0.x", 1e300, r"clicks.0.x: it must be between"),
    "misspelt click": (f"{OBJECT}.prompts.clicks.0.positve", False, "positve: it is no field here"),
    "brush as large as the world": (f"{OBJECT}.prompts.strokes.0.radius", 1e9, "radius: it must be between"),
    "key as path": ("cells.2.key", "../../etc", "key: it has characters or a form"),
    "steps": ("cells.2.iterations", 10**12, "iterations: it must be"),
    "unknown cell": ("cells.2.kind", "shell", r"cells.2: it is no kind of cell"),
    "scale of nothing": ("scale.points", [[0, 0, 0], [0, 0, 0]], "scale: it must have two different places"),
    "unit": ("scale.unit", "parsec", "must be one of mm, cm, m, in, ft"),
    "thousand copies": (
        "cells.6.arrangement.placements.0.copies",
        [[0, 0, 0]] * 1001,
        "at most 1000 entries",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_notebook_is_one_sentence_with_the_place(case: str, tmp_path: Path) -> None:
    place, value, sentence = HOSTILE[case]
    with pytest.raises(InputError, match=sentence) as raised:
        Notebook.load(changed(DATA / "notebook-v1.json", tmp_path, place, value))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("data", [b'{"schema_version":1,"cells":' + b"[" * 400_000, b"[" * 400_000])
def test_depth_is_bounded(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "deep.json").write_bytes(data)
    with pytest.raises(InputError, match=r"nested too deeply|not a LiftLab notebook"):
        Notebook.load(tmp_path / "deep.json")


def test_size_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BYTES_MAX", 1 << 20)
    (tmp_path / "large.json").write_bytes(b" " * (2 << 20))
    with pytest.raises(InputError, match="larger than 1 MiB"):
        Notebook.load(tmp_path / "large.json")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("objects.1.prompts.granularity", 1e308), ("objects.1.colour", '";}'), ("objects.1.prompts.object", "<b>"),
        ("objects.1.prompts.adjust", -(10**9)), ("objects.1.id", "x"), ("objects.1.id", 2), ("current", -5),
        ("scene", 3), ("method", "x" * 100), ("arrangement.crop", [[0, 0, 0], [0, 0, 1e30]]), ("objects", {}),
    ],
)  # fmt: skip
def test_a_hostile_session_changes_nothing(shared_lab: Lab, tmp_path: Path, place: str, value: Any) -> None:
    session = Session(shared_lab)
    session.open(NAME)
    before = session.to_json()
    record = json.loads(changed(DATA / "session-v1.json", tmp_path, place, value).read_text())
    with pytest.raises(InputError):
        session.from_json(record)
    assert session.to_json() == before


def numbers_of(config_class: type, prefix: str = "") -> dict[str, Any]:
    """Fields that hold a number, by name; groups reached into with dots."""
    found = {}
    for name, hint in get_type_hints(config_class, include_extras=True).items():
        bare = get_type_hints(config_class)[name]
        if dataclasses.is_dataclass(bare):
            found |= numbers_of(bare, f"{prefix}{name}.")  # type: ignore[arg-type]
        elif {int, float} & {bare, *get_args(bare)}:
            found[prefix + name] = hint
    return found


@pytest.mark.parametrize("config_class", CONFIGS, ids=lambda c: c.__name__)
def test_every_number_of_every_configuration_has_a_range_that_holds_its_default(config_class: type) -> None:
    numbers = numbers_of(config_class)
    assert numbers
    for name, hint in numbers.items():
        if name.endswith("regions.scales"):  # several numbers
            continue
        low, high = bounds_of(hint)
        assert low is not None and high is not None, name
        value: Any = config_class()
        for part in name.split("."):
            value = getattr(value, part)
        assert value is None or low <= value <= high, name
    assert config_from_record(config_class, to_plain(config_class())) == config_class()


@pytest.mark.parametrize("value", [1e12, -1.0, float("nan"), float("inf"), 10**40, "NaN", "many", None, True])
def test_a_setting_out_of_its_range_names_the_setting_and_the_range(value: Any) -> None:
    config_class = get_method("contrastive_lift").config_class
    with pytest.raises(
        InputError, match=r"The setting 'train.iterations' cannot be used: it must be .*between 0 and"
    ):
        config_from_record(config_class, {"train": {"iterations": value}})


def test_a_list_of_settings_is_bounded_too() -> None:
    with pytest.raises(InputError, match=r"'regions.scales.1' .* between 0 and 1e\+06"):
        config_from_record(MasksConfig, {"regions": {"scales": [1.0, 1e9]}})
    with pytest.raises(InputError, match="at most 16 entries"):
        config_from_record(MasksConfig, {"regions": {"scales": [1.0] * 17}})


def test_a_misfit_says_where_it_is() -> None:
    with pytest.raises(Misfit) as raised:
        from_plain({"points": [[0, 0, 0], [0, 1, "x"]], "length": 1, "unit": "m"}, Scale)
    assert str(raised.value) == "points.1.2 must be a number between -1e+09 and 1e+09; got a text"
    with pytest.raises(Misfit, match="unit is missing"):
        from_json('{"points": [[0, 0, 0], [0, 1, 2]], "length": 1}', Scale)


@pytest.mark.parametrize(
    "message",
    [
        '{"do": "granularity", "value": 1e400}', '{"do": "granularity", "value": NaN}', "[" * 4000,
        '{"do": "rename", "id": 1, "name": "a\\u0000b"}', '{"do": "rename", "id": 1, "name": "\\ud800"}',
        '{"do": "select", "id": 1000000000000000000000}', '{"do": "select", "id": -1}',
        '{"do": "click", "photo": "000.png", "x": 1e300, "y": 1, "positive": true}',
        '{"do": "stroke", "photo": "000.png", "points": [1], "radius": 2, "positive": true}',
    ],
)  # fmt: skip
def test_the_live_line_refuses_what_has_no_bounds(message: str) -> None:
    with pytest.raises(ValueError):
        perform(None, message)  # type: ignore[arg-type]


def test_growing_answers_and_kept_objects_can_be_cancelled_inside(
    shared_lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token is set from within a step, and the loops after it see it."""
    notebook = Notebook.load(DATA / "notebook-v1.json")
    cells = tuple(cell for cell in notebook.cells if cell.kind not in ("gaussians", "keep"))
    token = CancelToken()
    steps: list[int] = []
    from liftlab.components import refine

    real = refine.cv2.dilate

    def dilate(*args: Any, **kwargs: Any) -> Any:
        steps.append(1)
        token.cancel()
        return real(*args, **kwargs)

    monkeypatch.setattr(refine.cv2, "dilate", dilate)
    with pytest.raises(Cancelled):
        replay(dataclasses.replace(notebook, cells=cells), shared_lab, cancel=token)
    assert 1 <= len(steps) <= 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_byte_order_marks_of_editors_do_not_matter(encoding: str) -> None:
    assert plain_from_json('{"ä": [1, 2]}'.encode(encoding)) == {"ä": [1, 2]}
