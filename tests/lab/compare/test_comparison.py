"""Methods side by side: the same prompts for all panes, numbers against a reference, one answer taken over."""

import numpy as np
import pytest

from liftlab.compare.comparison import Comparison, PaneMethod
from liftlab.components.agreement import EVERYBODY, OTHERS, SELF
from liftlab.components.errors import InputError
from liftlab.components.geometry.projection import mask_in_photo
from liftlab.components.geometry.splat_links import values_for_gaussians
from liftlab.engine.lab import Lab
from liftlab.pipelines.methods.wildseg3d import WildSeg3DConfig
from liftlab.session.prompts import ObjectPrompts, PhotoClick
from liftlab.session.session import Session
from tests.answered import answer_of, result_of
from tests.lab.splat_method import NAME as LIFTED
from tests.lab.splat_method import Lifted, lifted
from tests.not_none import not_none
from tests.toy import Toy
from tests.toy_workspace import NAME, box_center, untrained

__all__ = ["lifted"]

PHOTO = "001.png"


def prompts(toy: Toy, *instances: int, name: str = "thing") -> ObjectPrompts:
    clicks = tuple(PhotoClick(PHOTO, *box_center(toy, 1, instance)) for instance in instances)
    return ObjectPrompts(name, clicks)


def truth(toy: Toy, instance: int) -> dict[str, np.ndarray]:
    return {
        view.name: mask_in_photo(view, toy.instance[index] == instance)
        for index, view in enumerate(toy.scene.views)
    }


@pytest.fixture
def comparison(lab: Lab) -> Comparison:
    return Comparison(lab, NAME, [PaneMethod("wildseg3d"), PaneMethod("wildseg3d", granularity=1.0)])


def test_every_pane_answers_the_same_prompts(comparison: Comparison, toy: Toy) -> None:
    first, second = comparison.ask(prompts(toy, 1))
    assert first is not None and second is not None
    assert first.clicks == second.clicks
    assert first.granularity is None and second.granularity == 1.0
    alone = Session(comparison.sessions[0].lab)
    alone.open(NAME)
    assert np.array_equal(first.masks, alone.add_object(prompts(toy, 1)).masks)


def test_rows_score_against_a_reference(comparison: Comparison, toy: Toy) -> None:
    comparison.ask(prompts(toy, 2))
    without = comparison.rows()
    assert [row.iou for row in without] == [None, None]
    assert all(row.ready and row.ms and row.pixels for row in without)
    right, wrong = comparison.rows(truth(toy, 2)), comparison.rows(truth(toy, 1))
    assert right[0].iou > 0.98 and right[0].boundary_iou > 0.9  # type: ignore[operator]
    assert wrong[0].iou < 0.05  # type: ignore[operator]
    own = comparison.rows(comparison.masks_of_pane(1))
    assert own[1].iou == 1.0
    assert own[0].iou == pytest.approx(comparison.agreement_table()[0, 1])


def test_disagreement_is_where_the_panes_differ(comparison: Comparison, toy: Toy) -> None:
    first, second = comparison.ask(prompts(toy, 2))
    assert first is not None and second is not None
    split = comparison.disagreement_in_photo(PHOTO)
    assert split is not None and np.array_equal(split > 0, first.masks[1] != second.masks[1])
    assert split.any(), "the whole scene and one box must differ"


def test_in_3d_every_pane_sees_who_selects_what(comparison: Comparison, toy: Toy) -> None:
    first, second = (answer_of(state) for state in comparison.ask(prompts(toy, 2)))
    seen_from_first, seen_from_second = (comparison.standing_in_3d(pane, "points") for pane in (0, 1))
    assert np.array_equal(seen_from_first == EVERYBODY, first.selected("points") & second.selected("points"))
    assert np.array_equal(seen_from_first == OTHERS, seen_from_second == SELF)
    assert (seen_from_first == OTHERS).any(), "the group takes more than the box"


def test_points_and_splats_are_compared_on_either(
    lab: Lab, toy: Toy, lifted: type[Lifted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liftlab.pipelines.steps.gaussians.build_gaussians", untrained)
    lab.prepare(NAME, LIFTED)
    comparison = Comparison(lab, NAME, [PaneMethod("wildseg3d"), PaneMethod(LIFTED)])
    of_points, of_splats = (result_of(state) for state in comparison.ask(prompts(toy, 1)))
    assert of_points.geometry == "points" and of_splats.geometry == "gaussians"
    view, row, column = toy.scene.pointmap.point_index.T
    box = {"points": toy.instance[view, row, column] == 1}
    box["splats"] = values_for_gaussians(
        box["points"], comparison.sessions[0].nearest_points(), default=False
    )
    for surface in ("points", "splats"):
        found = not_none(comparison.standing_in_3d(0, surface))
        assert found.shape == box[surface].shape
        assert (box[surface] & (found == EVERYBODY)).sum() > 0.9 * (found == EVERYBODY).sum() > 10
        assert np.array_equal(comparison.standing_in_3d(1, surface) == OTHERS, found == SELF)


def test_a_pane_has_its_own_granularity_until_it_follows_again(comparison: Comparison, toy: Toy) -> None:
    first, second = (answer_of(state) for state in comparison.ask(prompts(toy, 2)))
    comparison.set_granularity(0, 1.0)
    assert np.array_equal(answer_of(comparison.states[0]).masks, second.masks)
    assert answer_of(comparison.states[1]) is second, "the other pane is left alone"
    comparison.ask(prompts(toy, 2))
    assert not_none(comparison.states[0]).granularity == 1.0, "it stays for the next click"
    comparison.set_granularity(0, None)
    assert np.array_equal(answer_of(comparison.states[0]).masks, first.masks)
    with pytest.raises(InputError, match="between 0 and 1"):
        comparison.set_granularity(0, 1.5)


def test_without_prompts_there_is_nothing_to_compare(comparison: Comparison) -> None:
    assert comparison.ask(ObjectPrompts("thing")) == (None, None)
    assert comparison.disagreement_in_photo(PHOTO) is None
    assert comparison.standing_in_3d(0, "points") is None
    assert np.isnan(comparison.agreement_table()).all()
    assert [row.pixels for row in comparison.rows()] == [None, None]
    with pytest.raises(InputError, match="no answer yet"):
        comparison.masks_of_pane(0)


def test_new_prompts_replace_the_old_ones(comparison: Comparison, toy: Toy) -> None:
    comparison.ask(prompts(toy, 1))
    once = comparison.ask(prompts(toy, 2))
    assert [len(session.objects) for session in comparison.sessions] == [1, 1]
    assert once[0] is not None and once[0].clicks == prompts(toy, 2).clicks


def test_a_method_that_is_not_prepared_says_so(lab: Lab, toy: Toy) -> None:
    other = WildSeg3DConfig(alignment="dga")
    comparison = Comparison(lab, NAME, [PaneMethod("wildseg3d"), PaneMethod("wildseg3d", other)])
    assert comparison.ask(prompts(toy, 1))[1] is None
    row = comparison.rows(truth(toy, 1))[1]
    assert not row.ready and row.iou is None and "not prepared" in row.message


def test_a_panes_answer_becomes_the_result(comparison: Comparison, session: Session, toy: Toy) -> None:
    session.add_object(prompts(toy, 2))
    comparison.ask(prompts(toy, 2))
    taken = comparison.take(1, session)
    assert len(session.objects) == 1
    assert taken.granularity == 1.0
    assert np.array_equal(taken.masks, comparison.states[1].masks)  # type: ignore[union-attr]


def test_what_cannot_be_is_refused_in_a_sentence(lab: Lab, comparison: Comparison, toy: Toy) -> None:
    with pytest.raises(InputError, match="one to 4 panes"):
        Comparison(lab, NAME, [])
    with pytest.raises(InputError, match="Unknown method"):
        Comparison(lab, NAME, [PaneMethod("wildseg4d")])
    comparison.ask(prompts(toy, 1))
    with pytest.raises(InputError, match="must have the photo's size, 160 x 120; it has 4 x 3"):
        comparison.rows({PHOTO: np.zeros((3, 4), bool)})
