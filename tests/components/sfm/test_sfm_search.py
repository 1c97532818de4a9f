"""A mapper's mistakes are found by the photos themselves, and mended or named."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from liftlab.components.errors import InputError
from liftlab.components.geometry.projection import camera_centers, register_similarity
from liftlab.components.progress import CancelToken, no_progress
from liftlab.components.sfm import SfmOptions, SfmPhoto, SparseModel, gates, reduced_photo, search
from liftlab.components.sfm.child import Matcher
from liftlab.components.sfm.judging import MOST_COMPARED, Judged, compared_with, judge, photo_lens
from liftlab.components.sfm.model import FoundModel, Matches, PairEvidence, SfmEvidence
from liftlab.components.sfm.placing.rest import Places
from liftlab.components.sfm.relations import Relations, relations_of
from liftlab.components.sfm.search import find_cameras
from tests.textured_scene import render, room, walk

CAMERAS = walk(6, 240, 180, span=2.0)
COUNT = len(CAMERAS)
MOVED = np.array([[0.94, 0, -0.34, 0.6], [0, 1, 0, 0.1], [0.34, 0, 0.94, 0.4], [0, 0, 0, 1]])
"""Twenty degrees and half a metre away."""


class Photos:
    """The photos, matched and mapped once."""

    def __init__(self, matcher: Matcher) -> None:
        self.matcher = matcher
        seen, model = matcher.run({"kind": "match"}, {"kind": "incremental"})
        self.verified = {(p["first"], p["second"]): p["matches"] for p in seen["pairs"]}
        assert model is not None and len(model.photos) == COUNT
        self.model: FoundModel = model
        self._judged: dict[tuple[int, ...], Judged] = {}
        self.matches: Matches = matcher.matches()

    def with_moved(self, *photos: int) -> FoundModel:
        """The model with some of its photos elsewhere, together with the points that only they see."""
        poses, points = self.model.world_to_camera.copy(), self.model.points.copy()
        poses[list(photos)] = poses[list(photos)] @ np.linalg.inv(MOVED)
        others = [view for view in range(COUNT) if view not in photos]
        theirs = ~self.model.visible[others].any(axis=0)
        points[theirs] = points[theirs] @ MOVED[:3, :3].T + MOVED[:3, 3]
        return replace(self.model, world_to_camera=poses, points=points)

    def judged(self, *moved: int) -> Judged:
        """The verdict on the model with some of its photos elsewhere; measured once."""
        if moved not in self._judged:
            photos, model = self.matcher.photos, self.with_moved(*moved)
            lenses = [photo_lens(photos[i], p) for i, p in zip(model.photos, model.params, strict=True)]
            self._judged[moved] = judge(
                photos, model, lenses, self.matches, self.verified, progress=no_progress, cancel=CancelToken()
            )
        return self._judged[moved]

    def found(self, model: FoundModel) -> Judged:
        found = find_cameras(self.matcher, model, self.verified, progress=no_progress, cancel=CancelToken())
        assert found is not None
        return found


@pytest.fixture(scope="module")
def photos() -> Iterator[Photos]:
    pictures = [reduced_photo(f"{i}.png", render(room(), camera)[0]) for i, camera in enumerate(CAMERAS)]
    with Matcher(pictures, SfmOptions(max_features=1500)) as matcher:
        yield Photos(matcher)


def errors_of(judged: Judged) -> np.ndarray:
    """Distance of each placed camera from its true place, in a walk that is two long."""
    truth = np.stack([CAMERAS[photo].center for photo in judged.model.photos])
    centers = camera_centers(judged.model.world_to_camera)
    scale, R, t = register_similarity(centers, truth)
    return np.linalg.norm(scale * centers @ R.T + t - truth, axis=1)


def test_right_cameras_are_confirmed_and_nothing_else_is_tried(photos: Photos) -> None:
    found = photos.found(photos.model)
    assert found.confirmed == tuple(range(COUNT)) and len(found.tried) == 1
    assert min(found.shares) > 0.6 and errors_of(found).max() < 0.02


@pytest.mark.slow  # of two photos at once the next test tells the same
def test_a_photo_that_was_put_elsewhere_is_placed_anew(photos: Photos) -> None:
    wrong = photos.with_moved(3)
    assert photos.judged(3).confirmed == (0, 1, 2, 4, 5)
    found = photos.found(wrong)
    assert found.model.photos == tuple(range(COUNT)) and errors_of(found).max() < 0.03
    assert any(line.startswith("placed anew: 3.png") for line in found.tried)


def test_a_part_that_was_put_elsewhere_is_placed_anew(photos: Photos) -> None:
    wrong = photos.with_moved(4, 5)
    assert set(photos.judged(4, 5).confirmed) <= {0, 1, 2, 3}
    found = photos.found(wrong)
    assert found.model.photos == tuple(range(COUNT)) and errors_of(found).max() < 0.03
    assert any(line.startswith("placed anew: 4.png") for line in found.tried), found.tried


def with_bent_lens(photos: Photos) -> FoundModel:
    """As look-alike details bend it."""
    return replace(photos.model, params=tuple((f, x, y, k - 0.12) for f, x, y, k in photos.model.params))


def test_cameras_are_adjusted_to_details_followed_by_depth(
    photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The photos are so small that what is left must be asked for."""
    monkeypatch.setattr(search, "GOOD_ERROR_PX", 0.05)
    found = photos.found(with_bent_lens(photos))
    assert found.tried[-1] == "adjusted to details followed by depth: 6 of 6 photos placed, 6 confirmed"
    assert abs(found.model.params[0][3]) < 0.03 and errors_of(found).max() < 0.02


@pytest.mark.slow  # that it is asked at all, the test before tells
def test_an_adjustment_that_gains_too_little_is_left(photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "GOOD_ERROR_PX", 0.05)
    monkeypatch.setattr(search, "MIN_GAIN", 0.0)
    assert photos.found(with_bent_lens(photos)).model.params[0][3] < -0.08


NO_MATCHES = Matches(np.zeros((0, 2), int), np.zeros(1, int), np.zeros((0, 4), np.float32))


def test_a_lost_photo_is_placed_by_what_the_good_model_shows(
    photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No match leads to its place: they were those of look-alikes."""
    made = search._Search(photos.matcher, photos.verified, CancelToken())
    monkeypatch.setattr(made, "_matches", NO_MATCHES)
    lost = replace(photos.judged(), confirmed=(0, 1, 2, 4, 5)).without_doubtful()
    found = made.completed(lost, no_progress)
    assert found.model.photos == tuple(range(COUNT)) and errors_of(found).max() < 0.02
    few = replace(photos.judged(), confirmed=(0, 1, 2)).without_doubtful()
    assert made.completed(few, no_progress) is few  # too little to trust


def test_a_photo_of_another_place_finds_none(photos: Photos) -> None:
    pictures = list(photos.matcher.photos)
    pictures[3] = reduced_photo("elsewhere.png", render(room(50), CAMERAS[3])[0])
    rest = replace(photos.judged(), confirmed=(0, 1, 2, 4, 5)).without_doubtful()
    for matches in (NO_MATCHES, photos.matches):
        places = Places(pictures, matches, [photos.model], rest)
        assert places.poses(closely=True, progress=no_progress, cancel=CancelToken()) == {}


def test_the_pairs_of_right_cameras_agree_and_a_moved_part_contradicts_the_rest(photos: Photos) -> None:
    def relations(*moved: int) -> Relations:
        views, model = photos.judged(*moved).views, photos.with_moved(*moved)
        lenses = [photo_lens(p, q) for p, q in zip(photos.matcher.photos, model.params, strict=True)]
        partners = [compared_with(view, (), COUNT) for view in range(COUNT)]
        return relations_of(views, partners, model.photos, lenses, photos.matches, photos.verified)

    right = relations()
    assert right.conflict.sum() == 0 and (right.agree.sum(axis=1) > 0).all()
    moved = relations(4, 5)
    assert (moved.conflict[[4, 5]][:, :4] > 0).sum() >= 4
    assert not moved.consistent(np.ones(COUNT, bool))[[4, 5]].any()


def test_of_many_photos_each_is_compared_with_the_nearest_and_some_everywhere() -> None:
    assert compared_with(2, (), 5) == [0, 1, 3, 4]
    assert compared_with(-1, (3,), 5) == [0, 1, 2, 3, 4]
    near = [101, 99, 98, 104]
    others = compared_with(100, near, 300)
    assert len(others) <= MOST_COMPARED and 100 not in others and set(near) <= set(others)
    assert max(np.diff(others)) < 12 and others[0] == 0 and others[-1] == 299


def test_without_doubtful_photos_only_points_of_two_views_are_left(photos: Photos) -> None:
    judged = replace(photos.judged(), confirmed=(0, 1, 2, 3))
    left = judged.without_doubtful()
    assert left.model.photos == (0, 1, 2, 3) and len(left.views) == len(left.shares) == 4
    assert left.model.visible.shape == (4, len(left.model.points))
    assert left.model.visible.sum(axis=0).min() >= 2 and left.confirmed == (0, 1, 2, 3)
    none = replace(judged, confirmed=(2,))
    assert none.without_doubtful() is none


def test_what_the_photos_do_not_confirm_is_refused_or_kept_on_request(photos: Photos) -> None:
    model, names = photos.model, tuple(photo.name for photo in photos.matcher.photos)
    sparse = SparseModel(
        names=names,
        lenses=tuple(photo_lens(p, q) for p, q in zip(photos.matcher.photos, model.params, strict=True)),
        world_to_camera=model.world_to_camera,
        points=model.points,
        visible=model.visible,
        missing=(),
        reprojection_error_px=0.3,
        median_angle_deg=10.0,
    )
    pairs = (PairEvidence(0, 1, 100, False, 20.0, 9.0),)
    evidence = SfmEvidence(np.full(COUNT, 500), pairs, sparse)
    doubted = replace(photos.judged(), confirmed=(0,))
    pictures: list[SfmPhoto] = list(photos.matcher.photos)
    with pytest.raises(InputError, match=r"do not connect to each other: from the cameras .*doubtful=keep"):
        gates.judged(pictures, evidence, doubted)
    kept = gates.judged(pictures, evidence, doubted, keep_doubtful=True)
    assert kept.doubtful == names[1:] and kept.names == names
    assert any("do not confirm the cameras of 1.png (" in line for line in kept.warnings)
