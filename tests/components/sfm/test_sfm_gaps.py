"""The sentence that names the two photos between which one more would help."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, ClassVar

import numpy as np
import pytest

from liftlab.components.errors import InputError
from liftlab.components.progress import Progress, no_progress
from liftlab.components.sfm import SfmPhoto, SparseModel, estimate
from liftlab.components.sfm.child import Matcher, Task
from liftlab.components.sfm.gaps import advice, view_angles
from liftlab.components.sfm.gates import judged
from liftlab.components.sfm.model import PairEvidence, SfmEvidence
from liftlab.components.types import Camera, Lens
from tests.textured_scene import looking_at

NAMES = [f"{i}.jpg" for i in range(6)]


def ring(degrees: Sequence[float]) -> list[Camera]:
    """Cameras on a circle round the point three before the origin, which all of them look at."""
    at = np.radians(degrees)
    return [looking_at((3 * np.sin(a), 0, 3 - 3 * np.cos(a)), (0, 0, 3), 40, 40) for a in at]


def model_of(degrees: Sequence[float], names: Sequence[str] = NAMES) -> SparseModel:
    cameras = ring(degrees)
    rng = np.random.default_rng(0)
    return SparseModel(
        names=tuple(names[: len(cameras)]),
        lenses=tuple(Lens(40, 40, camera.K) for camera in cameras),
        world_to_camera=np.stack([camera.world_to_camera for camera in cameras]),
        points=rng.uniform([-0.1, -0.1, 2.9], [0.1, 0.1, 3.1], (60, 3)),
        visible=np.ones((len(cameras), 60), bool),
        missing=tuple(names[len(cameras) :]),
        reprojection_error_px=0.3,
        median_angle_deg=10.0,
    )


def chain(*matches: int) -> list[PairEvidence]:
    """Pairs 0-1, 1-2, ... with so many matches."""
    return [PairEvidence(i, i + 1, count, False, 20.0, 9.0) for i, count in enumerate(matches)]


def test_angles_are_those_of_the_ring() -> None:
    angles = view_angles(
        np.stack([camera.world_to_camera for camera in ring([0, 10, 50])]), np.array([0, 0, 3.0])
    )
    assert angles == pytest.approx(np.array([[0, 10, 50], [10, 0, 40], [50, 40, 0]]), abs=0.01)


def test_in_a_room_it_is_the_directions_that_count() -> None:
    turned = [looking_at((0, 0, 0), (np.sin(a), 0, np.cos(a)), 40, 40) for a in np.radians([0, 30])]
    poses = np.stack([camera.world_to_camera for camera in turned])
    assert view_angles(poses, np.array([0, 0, 50.0]))[0, 1] == pytest.approx(30, abs=0.01)


def test_nothing_is_said_where_neighbours_are_near_or_have_much_in_common() -> None:
    assert advice(NAMES, chain(5, 5, 5, 5, 5), model_of([0, 10, 20, 30, 40, 50])) is None
    assert advice(NAMES, chain(90, 90, 90, 90, 90), model_of([0, 10, 20, 60, 70, 80])) is None


def test_the_widest_gap_with_little_in_common_is_named() -> None:
    sentence = advice(NAMES, chain(90, 90, 12, 90, 90), model_of([0, 10, 20, 60, 70, 80]))
    assert sentence == (
        "One more photo between 2.jpg and 3.jpg would help most: they are 40 degrees apart and have 12 details in "
        "common."
    )


def test_a_gap_that_another_pair_bridges_is_none() -> None:
    over = [*chain(90, 90, 12, 90, 90), PairEvidence(1, 4, 60, False, 20.0, 9.0)]
    assert advice(NAMES, over, model_of([0, 10, 20, 60, 70, 80])) is None


def test_a_photo_that_was_not_placed_comes_first_with_its_best_partner() -> None:
    pairs = [*chain(90, 90, 2, 90, 8), PairEvidence(1, 5, 11, False, 20.0, 9.0)]
    sentence = advice(NAMES, pairs, model_of([0, 10, 20, 60, 70]))
    assert (
        sentence == "One more photo between 1.jpg and 5.jpg would help most: they have 11 details in common."
    )


def test_of_photos_that_were_not_placed_the_largest_group_is_named() -> None:
    pairs = [*chain(90, 90, 20, 40), PairEvidence(1, 5, 25, False, 20.0, 9.0)]
    sentence = advice(NAMES, pairs, model_of([0, 10, 20]))
    assert (
        sentence == "One more photo between 2.jpg and 3.jpg would help most: they have 20 details in common."
    )


def test_without_any_match_neighbours_in_the_capture_are_named() -> None:
    sentence = advice(NAMES, chain(90, 90, 90, 90), model_of([0, 10, 20, 30, 40]))
    assert (
        sentence == "One more photo between 4.jpg and 5.jpg would help most: they have no details in common."
    )
    assert advice(["a", "b"], [PairEvidence(0, 1, 1, False, 9.0, 9.0)], None) == (
        "One more photo between a and b would help most: they have 1 detail in common."
    )


def test_the_refusal_and_the_warnings_carry_it() -> None:
    photos = [SfmPhoto(name, np.full((4, 4, 3), i, np.uint8), 40, 40) for i, name in enumerate(NAMES)]
    pairs = tuple(chain(90, 90, 12, 90, 90))
    with pytest.raises(InputError, match=r"do not connect .* between 2\.jpg and 3\.jpg would help most"):
        judged(photos, SfmEvidence(np.full(6, 500), pairs, None))
    model = model_of([0, 10, 20])
    warnings = judged(photos, SfmEvidence(np.full(6, 500), pairs, model)).warnings
    assert warnings == (
        "Only 3 of 6 photos connect: 3.jpg, 4.jpg and 5.jpg left out; add photos in between.",
        "One more photo between 2.jpg and 3.jpg would help most: they have 12 details in common.",
    )


class Asked(Matcher):
    """Answers at once what the children would."""

    answers: ClassVar[list[Any]] = []

    def run(self, *tasks: Task, progress: Progress = no_progress) -> list[Any]:
        return [self.taken_in(Asked.answers.pop(0)) for _ in tasks]


def test_details_that_were_found_later_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIFT found three between the first two photos; the learned details that were asked afterwards forty."""

    def search(matcher: Matcher, *_: object, **__: object) -> None:
        assert [pair.matches for pair in matcher.pairs] == [3, 90]
        matcher.run({"kind": "learned"})

    def pairs(*counts: int) -> list[dict[str, Any]]:
        return [asdict(pair) for pair in chain(*counts)]

    pictures = [SfmPhoto(name, np.full((4, 4, 3), i, np.uint8), 4, 4) for i, name in enumerate(NAMES[:3])]
    Asked.answers = [
        {"num_features": [500] * 3, "pairs": pairs(3, 90)},
        None,
        {"compared": 2, "pairs": pairs(40, 90)},
    ]
    monkeypatch.setattr(estimate, "Matcher", Asked)
    monkeypatch.setattr(estimate, "find_cameras", search)
    with pytest.raises(InputError, match="do not connect") as refused:
        estimate.estimate_cameras(pictures)
    assert "One more photo" not in str(refused.value) and Asked.answers == []
