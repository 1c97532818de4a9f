"""The plan: its keys, its order, and the sentences for what cannot be planned."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from liftlab.bench.plan import FULL, SHORT, BenchRequest, Case, make_plan, prompts_record, shortened
from liftlab.components.errors import InputError
from tests.lab.bench.rows import failed_row, make_row


@pytest.fixture
def asked(toy_capture: Path) -> BenchRequest:
    return BenchRequest((toy_capture,), methods=("wildseg3d",))


def test_order_and_labels(asked: BenchRequest) -> None:
    plan = make_plan(
        replace(
            asked,
            variants=("wildseg3d:first_candidate=smallest",),
            seeds=(0, 1),
            masks=("default", "min_pixels=50"),
        )
    )
    assert [(case.label, case.seed) for case in plan] == [
        ("wildseg3d", 0), ("wildseg3d", 1),
        ("wildseg3d, masks min_pixels=50", 0), ("wildseg3d, masks min_pixels=50", 1),
        ("wildseg3d, first_candidate=smallest", 0), ("wildseg3d, first_candidate=smallest", 1),
        ("wildseg3d, first_candidate=smallest, masks min_pixels=50", 0),
        ("wildseg3d, first_candidate=smallest, masks min_pixels=50", 1),
    ]  # fmt: skip
    assert len({case.key for case in plan}) == len(plan)


def test_each_number_of_photos_is_a_case(asked: BenchRequest) -> None:
    plan = make_plan(replace(asked, photos=(2, 3), seeds=(0, 1)))
    assert [(case.label, case.seed) for case in plan] == [
        ("wildseg3d, 2 photos", 0), ("wildseg3d, 2 photos", 1),
        ("wildseg3d, 3 photos", 0), ("wildseg3d, 3 photos", 1),
    ]  # fmt: skip
    assert [case.effort.photos for case in plan] == [2, 2, 3, 3] and len({case.key for case in plan}) == 4


def test_who_ranks_words_is_part_of_the_key(asked: BenchRequest) -> None:
    plans = [
        make_plan(replace(asked, effort=replace(SHORT, encoder=name))) for name in ("attributes", "open_clip")
    ]
    assert plans[0][0].key != plans[1][0].key


def test_keys_follow_what_matters_and_nothing_else(
    asked: BenchRequest, toy_capture: Path, tmp_path: Path
) -> None:
    import shutil

    key = make_plan(asked)[0].key
    assert make_plan(asked)[0].key == key
    elsewhere = shutil.copytree(toy_capture, tmp_path / toy_capture.name)
    assert make_plan(replace(asked, folders=(elsewhere,)))[0].key == key
    assert make_plan(replace(asked, effort=FULL))[0].key != key
    default_written_out = make_plan(replace(asked, variants=("wildseg3d:first_candidate=whole",)))
    assert default_written_out[1].key == key  # the same configuration


def test_a_case_survives_its_json(asked: BenchRequest) -> None:
    case = make_plan(replace(asked, variants=("wildseg3d:alignment=ga",), masks=("min_pixels=50",)))[1]
    assert Case.from_json(case.to_json()) == case


def test_all_methods_are_taken_by_default(toy_capture: Path) -> None:
    from liftlab.pipelines.base import list_methods

    plan = make_plan(BenchRequest((toy_capture,)))
    assert [case.method for case in plan] == [entry.name for entry in list_methods()]


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"folders": ()}, "Nothing to measure on: name captures with truth"),
        ({"methods": ("wildseg",)}, "Unknown method 'wildseg'. Did you mean 'wildseg3d'?"),
        (
            {"variants": ("saga2:x=1",)},
            "--variants takes METHOD:KEY=VALUE with one of wildseg3d; got 'saga2:x=1'.",
        ),
        ({"variants": ("wildseg3d:alinment=ga",)}, "Did you mean 'alignment'?"),
        ({"variants": ("wildseg3d:alignment=none",)}, "The setting 'alignment' cannot be used"),
        ({"masks": ("pixels=3",)}, "--set takes KEY=VALUE"),
        ({"effort": replace(SHORT, clicks=0)}, "--clicks must be between 1 and 20; got 0."),
        ({"photos": (3, 1)}, "--photos takes numbers from 2 up; got 3,1."),
    ],
)
def test_sentences(asked: BenchRequest, change: dict, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        make_plan(replace(asked, **change))
    assert sentence in str(caught.value)


def test_two_scenes_of_one_name_are_refused(asked: BenchRequest, toy_capture: Path) -> None:
    with pytest.raises(InputError, match="Two scenes are called 'toy'"):
        make_plan(replace(asked, folders=(toy_capture, toy_capture)))


@dataclass(frozen=True)
class Training:
    iterations: int = 3000
    budget_secs: float | None = 60.0


@dataclass(frozen=True)
class Solver:
    iterations: int = 900


@dataclass(frozen=True)
class Method:
    train: Training = field(default_factory=Training)
    solver: Solver = field(default_factory=Solver)


def test_only_trainings_are_shortened_and_lose_their_clock() -> None:
    assert shortened(Method(), 300) == Method(train=Training(300, None))
    assert shortened(Method(train=Training(100)), 300).train.iterations == 100


def test_prompts_come_back(asked: BenchRequest, tmp_path: Path) -> None:
    case = make_plan(asked)[0]
    rows = [make_row(case), failed_row(case, "no") | {"scene": "other"}]
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps(prompts_record(rows)))
    again = make_plan(replace(asked, prompts=path))[0]
    assert again.key != case.key and again.saved_clicks is not None
    assert [point.positive for point in again.saved_clicks["blue box"]] == [True, False]
    assert list(prompts_record(rows)["scenes"]) == ["toy"]


@pytest.mark.parametrize("text", ["[]", "{", '{"scenes": {"toy": {"box": [{"x": 1}]}}}', '{"scenes": 3}'])
def test_prompts_that_are_none(asked: BenchRequest, tmp_path: Path, text: str) -> None:
    path = tmp_path / "prompts.json"
    path.write_text(text)
    with pytest.raises(InputError, match="These saved prompts cannot be read"):
        make_plan(replace(asked, prompts=path))


def test_prompts_of_other_scenes(asked: BenchRequest, tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    path.write_text('{"scenes": {}}')
    with pytest.raises(InputError, match="of other scenes than 'toy'"):
        make_plan(replace(asked, prompts=path))
