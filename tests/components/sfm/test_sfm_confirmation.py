"""A camera is believed when the photo shows what the other views know to be there."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from liftlab.components.sfm.confirmation import DepthView, Verdict, compared_pixels, verdict_on
from tests.textured_scene import looking_at, render, room, walk

CAMERAS = walk(4, 160, 120)


@pytest.fixture(scope="module")
def views() -> list[DepthView]:
    out = []
    for camera in CAMERAS:
        photo, depth, _ = render(room(), camera)
        out.append(DepthView(grey_of(photo), camera, depth))
    return out


def grey_of(photo: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255


def test_the_true_camera_is_confirmed_and_no_other_is(views: list[DepthView]) -> None:
    photo, others = views[1], [views[0], *views[2:]]
    right = verdict_on(photo.grey, photo.camera, others)
    assert right.confirmed and right.share > 0.8 and right.agree > 1 and right.conflict == 0
    wrong = [other.camera for other in others] + [looking_at((0.5, -1.0, 1.0), (0.4, 0, 4), 160, 120)]
    for camera in wrong:
        verdict = verdict_on(photo.grey, camera, others)
        assert not verdict.confirmed and verdict.share < 0.3 and verdict.conflict > verdict.agree


def test_exposure_does_not_matter(views: list[DepthView]) -> None:
    photo, others = views[1], [views[0], *views[2:]]
    dark = (0.4 * photo.grey + 0.1).astype(np.float32)
    as_it_is, darker = (verdict_on(grey, photo.camera, others) for grey in (photo.grey, dark))
    assert darker.share == pytest.approx(as_it_is.share, abs=0.02)


def test_what_cannot_be_compared_confirms_nothing(views: list[DepthView]) -> None:
    photo, others = views[1], [views[0], *views[2:]]
    plain = [replace(view, grey=np.full_like(view.grey, 0.5)) for view in others]
    blind = [replace(view, depth=np.zeros_like(view.depth)) for view in others]
    away = photo.camera.world_to_camera.copy()
    away[[0, 2], :] *= -1  # turned round
    turned = replace(photo.camera, world_to_camera=away)
    for camera, seen in ((photo.camera, plain), (photo.camera, blind), (turned, others), (photo.camera, [])):
        assert verdict_on(photo.grey, camera, seen) == Verdict(0.0, 0.0, 0.0)


def test_a_small_patch_that_looks_alike_confirms_nothing(views: list[DepthView]) -> None:
    """Depth is where two photos look alike: of strangers a patch does by chance."""
    photo, other = views[1], views[0]

    def share(side: int) -> float:
        depth = np.zeros_like(other.depth)
        depth[50 : 50 + side, 60 : 60 + side] = other.depth[50 : 50 + side, 60 : 60 + side]
        return verdict_on(photo.grey, photo.camera, [replace(other, depth=depth)]).share

    assert share(26) == 0.0 and share(50) > 0.8  # 3.5 and 13 % of the pixels


def test_what_a_mask_leaves_out_of_a_photo_says_nothing(views: list[DepthView]) -> None:
    """Somebody stands before most of one photo: by its mask its camera is believed, and not without."""
    photo, others = views[1], [views[0], *views[2:]]
    stranger = np.random.default_rng(0).random(photo.grey.shape).astype(np.float32)
    before = np.zeros(photo.grey.shape, bool)
    before[:, 30:] = True
    seen = np.where(before, cv2.GaussianBlur(stranger, (0, 0), 2), photo.grey).astype(np.float32)
    masked = np.where(before, np.float32(np.nan), photo.grey)
    assert not verdict_on(seen, photo.camera, others).confirmed
    right = verdict_on(masked, photo.camera, others)
    assert right.confirmed and right.share > 0.8 and right.agree > 0.5
    assert verdict_on(np.full_like(photo.grey, np.nan), photo.camera, others) == Verdict(0.0, 0.0, 0.0)


def test_what_a_mask_leaves_out_of_a_view_is_not_looked_for(views: list[DepthView]) -> None:
    photo, others = views[1], [views[0], *views[2:]]
    halves = [replace(view, grey=view.grey.copy()) for view in others]
    for view in halves:
        view.grey[:60] = np.nan
    as_it_is, half = (compared_pixels(photo.grey, photo.camera, given[0]) for given in (others, halves))
    assert 0 < half[1] < 0.7 * as_it_is[1] and half[0] > 0.8 * half[1]
