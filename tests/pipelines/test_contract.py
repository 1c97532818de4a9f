"""What every registered method promises (`liftlab.pipelines.base.Segmenter`), on the toy scene."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from liftlab.components.clicks import clicks_of
from liftlab.components.errors import Cancelled, InputError
from liftlab.components.progress import CancelToken, no_progress
from liftlab.components.types import Prompt, Segmentation
from liftlab.pipelines import base
from liftlab.pipelines.base import MethodEntry, Prepared, Segmenter, list_methods, seeded
from liftlab.pipelines.benchmarking.click_laws import taken_back, unheard
from tests.toy import Toy, box_of_gaussians, gaussian_toy, make_toy, with_gaussians

EXAMPLE = "lift_votes"


def example() -> MethodEntry:
    """The method of docs/add-a-method.md, entered as a package would; taken out again, for it is none of ours."""
    list_methods()
    EntryPoint(name=EXAMPLE, value="tests.examples.lift_votes", group="liftlab.methods").load()
    return base.METHODS.forget(EXAMPLE)


METHODS = [*list_methods(), example()]
IOU_FLOOR = 0.6
"""Of one click in the middle of a toy box, pooled over the views."""


class Case:
    """One method, prepared on the toy."""

    def __init__(self, entry: MethodEntry, toy: Toy) -> None:
        self.entry, self.toy = entry, toy
        self.method = make(entry)
        self.progress: list[float] = []
        """What preparing reported."""
        self.prepared = prepare(self.method, toy, told=self.progress)

    def segment(self, *prompts: Prompt) -> Segmentation:
        return self.method.segment(self.prepared, prompts)

    def masks(self, result: Segmentation) -> np.ndarray:
        return np.stack([result.mask_of_view(v) for v in range(len(self.toy.scene.views))])


def make(entry: MethodEntry) -> Segmenter:
    return entry.make(entry.quick, device=torch.device("cpu"))


def toy_for(method: Segmenter) -> Toy:
    return gaussian_toy() if method.geometry == "gaussians" else plain_toy()


@functools.cache
def plain_toy() -> Toy:
    return make_toy()


@functools.cache
def another(geometry: str) -> Toy:
    """The same boxes as another scene."""
    other = make_toy(key="another-scene")
    return with_gaussians(other) if geometry == "gaussians" else other


def prepare(
    method: Segmenter, toy: Toy, cancel: CancelToken | None = None, *, told: list[float] | None = None
) -> Prepared:
    """Prepare a method for the toy.

    Args:
        told: Filled with the reported fractions.
    """

    def record(fraction: float, message: str = "") -> None:
        if told is not None:
            told.append(fraction)

    return method.prepare(
        toy.scene, toy.masks, progress=record, cancel=cancel or CancelToken(), generator=seeded(0)
    )


def click(toy: Toy, box: int, view: int, *, positive: bool = True) -> Prompt:
    """A click in the middle of a box's mask, in photo pixels."""
    rows, columns = np.nonzero(toy.instance[view] == box)
    middle = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
    return Prompt(view, np.array([[columns[middle] + 0.5, rows[middle] + 0.5]]), np.array([positive]))


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max((a | b).sum(), 1))


@pytest.fixture(scope="module", params=METHODS, ids=[entry.name for entry in METHODS])
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param, toy_for(make(request.param)))


def test_there_are_methods() -> None:
    assert {"wildseg3d", "saga", "contrastive_lift", EXAMPLE} <= {entry.name for entry in METHODS}


def test_the_guide_shows_the_example_as_it_runs() -> None:
    root = Path(__file__).parents[2]
    code = (root / "tests/examples/lift_votes.py").read_text(encoding="utf-8")
    assert code in (root / "docs/add-a-method.md").read_text(encoding="utf-8")


def test_protocols_are_satisfied(case: Case) -> None:
    assert isinstance(case.method, Segmenter)
    assert isinstance(case.prepared, Prepared)
    assert case.prepared.scene_key == case.toy.scene.key


def test_config_documents_every_field(case: Case) -> None:
    import tyro

    text = tyro.extras.get_parser(case.entry.config_class).format_help()
    for field in case.entry.config_class.__dataclass_fields__:
        assert field.replace("_", "-") in text
    assert case.entry.summary and case.entry.paper and case.entry.licence


def random_clicks(case: Case, seed: int, count: int) -> list[Prompt]:
    """Clicks anywhere in the photos, the first one positive and on a box."""
    rng = np.random.default_rng(seed)
    prompts = [click(case.toy, int(rng.integers(1, 4)), view=0)]
    for _ in range(count - 1):
        view = int(rng.integers(len(case.toy.scene.views)))
        camera = case.toy.scene.views[view].camera
        place = rng.uniform(0, [camera.width, camera.height])
        prompts.append(Prompt(view, place[None], np.array([bool(rng.integers(2))])))
    return prompts


@pytest.mark.parametrize("seed", range(5))
def test_every_click_is_heard_in_its_own_photo(case: Case, seed: int) -> None:
    prompts = random_clicks(case, seed, 6)
    masks = case.masks(case.segment(*prompts))
    clicks = clicks_of(case.toy.scene, prompts).clicks
    for view, mask in enumerate(masks):
        assert unheard(mask, [click for click in clicks if click.view == view]) == 0


@pytest.mark.parametrize("seed", range(5))
def test_a_positive_click_only_adds_and_a_negative_one_only_takes_away(case: Case, seed: int) -> None:
    prompts = random_clicks(case, 100 + seed, 5)
    before = case.masks(case.segment(prompts[0]))
    for number in range(2, len(prompts) + 1):
        after = case.masks(case.segment(*prompts[:number]))
        positive = bool(prompts[number - 1].point_labels[0])
        assert taken_back(before, after, positive=positive) == 0
        before = after


def count(case: Case, result: Segmentation) -> int:
    """Primitives of the geometry that the result names."""
    if result.geometry == "points":
        return len(case.toy.scene.pointmap.points)
    assert case.toy.scene.gaussians is not None
    return len(case.toy.scene.gaussians.means)


@pytest.mark.parametrize("prompts", [[], [Prompt()], [Prompt(view=0)]], ids=["none", "blank", "view only"])
def test_nothing_asked_selects_nothing(case: Case, prompts: Sequence[Prompt]) -> None:
    result = case.segment(*prompts)
    assert result.empty and result.selected.shape == result.score.shape == (count(case, result),)
    assert not case.masks(result).any()


@pytest.mark.parametrize("box", [1, 2, 3])
def test_one_click_finds_the_box_in_every_view(case: Case, box: int) -> None:
    result = case.segment(click(case.toy, box, view=1))
    assert result.selected.dtype == np.bool_ and result.selected.shape == (count(case, result),)
    assert np.array_equal(result.selected, result.score > result.threshold)
    masks = case.masks(result)
    assert [mask.shape for mask in masks] == [(v.camera.height, v.camera.width) for v in case.toy.scene.views]
    assert iou(masks, case.toy.instance == box) > IOU_FLOOR
    assert result.provenance.method == case.entry.name and result.provenance.seconds >= 0


def test_selected_primitives_lie_on_the_box(case: Case) -> None:
    result = case.segment(click(case.toy, 2, view=1))
    if result.geometry == "points":
        on_box = case.toy.instance[case.toy.scene.pointmap.valid] == 2
    else:
        on_box = box_of_gaussians(case.toy) == 2
    assert (result.selected & on_box).sum() > IOU_FLOOR * result.selected.sum() > 0


def test_the_same_prompt_gives_the_same_answer(case: Case) -> None:
    prompts = [click(case.toy, 1, view=0), click(case.toy, 2, view=0, positive=False)]
    first, second = case.segment(*prompts), case.segment(*prompts)
    assert np.array_equal(first.selected, second.selected)
    assert np.array_equal(first.score, second.score)
    assert np.array_equal(case.masks(first), case.masks(second))


def test_preparing_again_gives_the_same_answer(case: Case) -> None:
    again = Case(case.entry, case.toy)
    prompt = click(case.toy, 3, view=2)
    assert np.array_equal(case.segment(prompt).selected, again.segment(prompt).selected)


def test_a_negative_click_takes_away_what_it_hits(case: Case) -> None:
    whole = Prompt(**{**vars(click(case.toy, 2, view=1)), "granularity": 1.0})
    no = click(case.toy, 3, view=1, positive=False)
    row, column = int(no.point_coords[0, 1]), int(no.point_coords[0, 0])
    corrected = case.segment(whole, no)
    assert not corrected.mask_of_view(1)[row, column]
    yes_row, yes_column = int(whole.point_coords[0, 1]), int(whole.point_coords[0, 0])
    assert corrected.mask_of_view(1)[yes_row, yes_column]


def test_more_right_clicks_do_not_hurt(case: Case) -> None:
    truth = case.toy.instance == 2
    prompts = [click(case.toy, 2, view=1)]
    scores = [iou(case.masks(case.segment(*prompts)), truth)]
    for extra in (
        click(case.toy, 3, view=1, positive=False),
        click(case.toy, 2, view=3),
        click(case.toy, 1, view=0, positive=False),
        click(case.toy, 2, view=0),
    ):
        prompts.append(extra)
        scores.append(iou(case.masks(case.segment(*prompts)), truth))
    assert min(np.diff(scores)) > -0.02, scores


@pytest.mark.parametrize("xy", [(-1.0, 5.0), (96.0, 5.0), (5.0, 72.0), (np.nan, 5.0)])
def test_a_click_outside_the_photo_is_refused(case: Case, xy: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="outside the photo"):
        case.segment(Prompt(0, np.array([xy]), np.array([True])))


@pytest.mark.parametrize("view", [-1, 4, None])
def test_a_view_that_is_not_there_is_refused(case: Case, view: int | None) -> None:
    with pytest.raises(InputError, match="photo"):
        case.segment(Prompt(view, np.array([[5.0, 5.0]]), np.array([True])))


def test_save_and_load_give_the_same_answer(case: Case, tmp_path: Path) -> None:
    case.method.save(case.prepared, tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".pkl", ".pickle", ".pt", ".joblib")]
    loaded = case.method.load(tmp_path, case.toy.scene, case.toy.masks)
    for prompts in ([click(case.toy, 1, view=0)], [click(case.toy, 2, view=0), click(case.toy, 3, view=1)]):
        before, after = case.segment(*prompts), case.method.segment(loaded, prompts)
        assert np.array_equal(before.selected, after.selected)
        assert np.array_equal(case.masks(before), case.masks(after))


def test_state_of_another_scene_is_refused(case: Case, tmp_path: Path) -> None:
    case.method.save(case.prepared, tmp_path)
    other = another(case.method.geometry)
    with pytest.raises(InputError, match="another"):
        case.method.load(tmp_path, other.scene, other.masks)


def test_state_of_other_splats_is_refused(case: Case, tmp_path: Path) -> None:
    if case.method.geometry == "points":
        return  # it knows nothing of splats
    case.method.save(case.prepared, tmp_path)
    retrained = replace(case.toy.scene, gaussians_key="trained again")
    with pytest.raises(InputError, match="other splats"):
        case.method.load(tmp_path, retrained, case.toy.masks)


def test_without_splats_a_method_of_splats_says_what_to_do(case: Case) -> None:
    if case.method.geometry == "points":
        return
    bare = replace(case.toy, scene=replace(case.toy.scene, gaussians=None, gaussians_key=""))
    with pytest.raises(InputError, match="train them first"):
        prepare(make(case.entry), bare)


def test_masks_of_another_scene_are_refused(case: Case) -> None:
    other = another(case.method.geometry)
    with pytest.raises(InputError, match="another"):
        case.method.prepare(
            case.toy.scene,
            other.masks,
            progress=no_progress,
            cancel=CancelToken(),
            generator=seeded(0),
        )


@pytest.mark.parametrize("granularity", [None, 0.0, 0.5, 1.0])
def test_segment_everything_labels_every_view(case: Case, granularity: float | None) -> None:
    labels: Any = case.method.decompose(case.prepared, granularity)
    assert [image.shape for image in labels] == [image.shape for image in case.toy.instance]
    assert all(image.dtype == np.uint16 for image in labels)
    if granularity is None:
        stacked = np.stack(labels)
        for box in (1, 2, 3):
            truth = case.toy.instance == box
            label = np.bincount(stacked[truth]).argmax()
            assert label > 0 and iou(stacked == label, truth) > IOU_FLOOR


def test_cancelling_stops_preparation(case: Case) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        prepare(make(case.entry), case.toy, cancel)


def test_progress_runs_from_zero_to_one(case: Case) -> None:
    seen = case.progress
    assert seen == sorted(seen) and seen[0] >= 0 and seen[-1] == pytest.approx(1.0)
