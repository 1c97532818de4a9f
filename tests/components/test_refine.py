"""Growing, shrinking: nothing for no steps, monotone, along surfaces only. Painting: a band of the brush's radius."""

import numpy as np
import pytest

from liftlab.components.geometry.projection import pixel_centers
from liftlab.components.refine import adjusted_masks, painted, points_of_masks
from liftlab.components.types import Provenance, Segmentation
from tests.toy import make_toy

TOY = make_toy(width=320, height=240)


def box(number: int) -> list[np.ndarray]:
    return [instance == number for instance in TOY.instance]


def test_no_step_changes_nothing() -> None:
    assert all(
        np.array_equal(a, b) for a, b in zip(adjusted_masks(TOY.scene, box(1), 0), box(1), strict=True)
    )


def test_more_steps_hold_more_and_fewer_hold_less() -> None:
    sizes = [sum(m.sum() for m in adjusted_masks(TOY.scene, box(1), steps)) for steps in range(-4, 5)]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == len(sizes)


def test_growing_stops_where_the_surface_behind_is_far() -> None:
    grown = adjusted_masks(TOY.scene, box(1), 3)
    for view, (mask, before) in enumerate(zip(grown, box(1), strict=True)):
        new = mask & ~before
        rows, columns = np.nonzero(before)
        top = rows.min()
        above = new[:top, columns.min() : columns.max()]
        assert not above.any(), "the floor behind the upper rim is far away"
        near = TOY.scene.pointmap.pts3d[view][new]
        assert (near[:, 2] < 0.12).all(), "what joins is floor beside its foot"


def test_a_thin_object_survives_shrinking() -> None:
    thin = [np.zeros_like(m) for m in box(1)]
    for mask in thin:
        mask[100, 50:90] = True
    assert all(np.array_equal(a, b) for a, b in zip(adjusted_masks(TOY.scene, thin, -5), thin, strict=True))
    empty = [np.zeros_like(m) for m in box(1)]
    assert not any(mask.any() for steps in (-3, 3) for mask in adjusted_masks(TOY.scene, empty, steps))


def test_points_follow_the_masks() -> None:
    before, valid = box(2), TOY.scene.pointmap.valid
    selected = np.stack(before)[valid]
    provenance = Provenance("test", {}, "cpu", 0.0)
    base = Segmentation("points", selected, selected.astype(np.float32), 0.5, (2,), provenance)
    for steps in (-2, 2):
        after = adjusted_masks(TOY.scene, before, steps)
        assert np.array_equal(points_of_masks(TOY.scene, base, before, after), np.stack(after)[valid])
    gaussians = Segmentation("gaussians", selected, selected.astype(np.float32), 0.5, (2,), provenance)
    with pytest.raises(ValueError, match="base must select points"):
        points_of_masks(TOY.scene, gaussians, before, before)


@pytest.mark.parametrize("seed", range(5))
def test_a_stroke_is_the_band_of_pixels_within_its_radius(seed: int) -> None:
    random = np.random.default_rng(seed)
    line = random.uniform([-5, -5], [55, 45], (int(random.integers(1, 5)), 2))
    radius = float(random.uniform(1, 8))
    centers = pixel_centers(50, 40)
    starts, ends = (line[:-1], line[1:]) if len(line) > 1 else (line, line)
    along = ends - starts
    share = ((centers[:, :, None] - starts) * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-12)
    nearest = starts + np.clip(share, 0, 1)[..., None] * along
    distance = np.linalg.norm(centers[:, :, None] - nearest, axis=-1).min(axis=-1)
    drawn = painted(np.zeros((40, 50), bool), line, radius, inside=True)
    assert drawn[distance < radius - 1].all()
    assert not drawn[distance > radius + 1].any()


def test_painting_adds_and_rubbing_out_takes_away_only_under_the_brush() -> None:
    mask = np.random.default_rng(0).random((40, 50)) < 0.5
    line = np.array([[10.0, 10.0], [30.0, 20.0]])
    under = painted(np.zeros_like(mask), line, 4.0, inside=True)
    assert np.array_equal(painted(mask, line, 4.0, inside=True), mask | under)
    assert np.array_equal(painted(mask, line, 4.0, inside=False), mask & ~under)
    assert np.array_equal(painted(mask, line + 500, 4.0, inside=True), mask), "far beside the photo"
