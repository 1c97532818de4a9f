"""Cutting an object out: nothing is lost, nothing bleeds over the outline, and the whole still looks the same."""

import dataclasses

import numpy as np
import pytest
import torch

from liftlab.components.gaussians.boundary import halved, part
from liftlab.components.gaussians.selection import joined, subset, under_masks, without_specks
from liftlab.components.geometry.projection import pixel_centers
from liftlab.components.rasterize import lift, rasterize, tensors_from_gaussians
from liftlab.components.types import Camera, Gaussians
from tests.components.rasterize.scenes import camera

CAMERAS = [camera(64, 48, turn=turn, shift=(shift, 0.0, 0.0)) for turn, shift in ((0.0, 0.0), (0.1, -0.4))]


def wall(count: int = 900, *, width: float = 0.16, seed: int = 0) -> Gaussians:
    """A wall at depth 4 of long Gaussians in all directions: left half red, right half green."""
    random = np.random.default_rng(seed)
    means = np.column_stack([random.uniform(-3, 3, count), random.uniform(-2, 2, count), np.full(count, 4.0)])
    angle = random.uniform(0, np.pi, count)
    quats = np.column_stack([np.cos(angle / 2), np.zeros(count), np.zeros(count), np.sin(angle / 2)])
    red = (means[:, 0] < 0)[:, None]
    return Gaussians(
        means=means.astype(np.float32),
        quats=quats.astype(np.float32),
        scales=np.tile(np.array([width, width / 4, 0.01], np.float32), (count, 1)),
        opacities=np.full(count, 0.8, np.float32),
        sh=np.where(red, [[1.5, -1.5, -1.5]], [[-1.5, 1.5, -1.5]]).astype(np.float32)[:, None],
    )


def left_of(cameras: list[Camera], x: float = 0.0) -> list[np.ndarray]:
    """Pixels that see the wall left of `x`."""
    masks = []
    for one in cameras:
        xy = pixel_centers(one.width, one.height)
        rays = np.dstack([(xy - one.K[:2, 2]) / [one.K[0, 0], one.K[1, 1]], np.ones(xy.shape[:2])])
        direction = rays @ one.world_to_camera[:3, :3]
        reach = (4.0 - one.center[2]) / direction[..., 2]
        masks.append((one.center + reach[..., None] * direction)[..., 0] < x)
    return masks


def alpha(gaussians: Gaussians, one: Camera) -> np.ndarray:
    return rasterize(tensors_from_gaussians(gaussians), [one]).alpha[0].numpy()


def bleeding(thing: Gaussians, masks: list[np.ndarray]) -> float:
    """Alpha of the object outside its masks, in pixels."""
    return sum(float(alpha(thing, c)[~m].sum()) for c, m in zip(CAMERAS, masks, strict=True))


def missing(thing: Gaussians, masks: list[np.ndarray]) -> float:
    """Share of the masks that the object does not cover."""
    covered = sum(float(alpha(thing, c)[m].sum()) for c, m in zip(CAMERAS, masks, strict=True))
    return 1 - covered / sum(float(m.sum()) for m in masks)


def test_halves_keep_the_middle_and_the_light_they_take() -> None:
    whole = wall(5)
    halves = halved(whole)
    np.testing.assert_allclose((halves.means[:5] + halves.means[5:]) / 2, whole.means, atol=1e-6)
    np.testing.assert_array_equal(halves.scales[:5, 1:], whole.scales[:, 1:])
    assert (halves.scales[:, 0] < 0.7 * np.tile(whole.scales[:, 0], 2)).all()
    x = np.linspace(-1, 1, 2001)
    apart = float(np.linalg.norm(halves.means[0] - whole.means[0]))

    def alpha_at(opacity: float, width: float, shift: float) -> np.ndarray:
        return opacity * np.exp(-0.5 * ((x - shift) / width) ** 2)

    alone = alpha_at(whole.opacities[0], whole.scales[0, 0], 0.0)
    pair = [alpha_at(halves.opacities[0], halves.scales[0, 0], sign * apart) for sign in (-1, 1)]
    together = 1 - (1 - pair[0]) * (1 - pair[1])
    np.testing.assert_allclose(np.log1p(-together).sum(), np.log1p(-alone).sum(), rtol=1e-3)
    assert np.abs(together - alone).max() < 0.13
    assert len(halved(subset(whole, np.zeros(5, bool))).means) == 0


def test_no_straddler_is_cut_where_the_outline_is_far() -> None:
    scene = wall()
    everything = [np.ones((48, 64), bool)] * 2
    for boundary in ("keep", "trim", "split"):
        parted = part(scene, CAMERAS, everything, boundary=boundary)
        assert not parted.straddling.any()
        assert len(parted.thing.means) + len(parted.rest.means) == len(scene.means)


def test_pixels_bleeding_over_the_outline_fall() -> None:
    scene, masks = wall(), left_of(CAMERAS)
    kept, trimmed, cut = (part(scene, CAMERAS, masks, boundary=b) for b in ("keep", "trim", "split"))
    assert kept.straddling.sum() > 20
    assert bleeding(cut.thing, masks) < 0.6 * bleeding(kept.thing, masks)
    assert bleeding(trimmed.thing, masks) < 0.3 * bleeding(kept.thing, masks)
    assert missing(cut.thing, masks) < missing(trimmed.thing, masks), (
        "cutting keeps the rim, trimming does not"
    )
    other = [~mask for mask in masks]
    assert bleeding(cut.rest, other) < 0.6 * bleeding(kept.rest, other)


def test_a_cut_scene_put_together_again_looks_like_before() -> None:
    scene, masks = wall(), left_of(CAMERAS)
    parted = part(scene, CAMERAS, masks, boundary="split")
    assert len(parted.thing.means) + len(parted.rest.means) > len(scene.means)
    again = joined(parted.thing, parted.rest)
    before = rasterize(tensors_from_gaussians(scene), CAMERAS).colour
    after = rasterize(tensors_from_gaussians(again), CAMERAS).colour
    assert before is not None and after is not None
    assert float((before - after).abs().mean()) < 0.02


def test_keeping_and_trimming_only_take_rows() -> None:
    scene, masks = wall(), left_of(CAMERAS)
    kept = part(scene, CAMERAS, masks, boundary="keep")
    held = under_masks(scene, CAMERAS, masks)
    np.testing.assert_array_equal(kept.thing.means, scene.means[held])
    np.testing.assert_array_equal(kept.rest.means, scene.means[~held])
    trimmed = part(scene, CAMERAS, masks, boundary="trim")
    np.testing.assert_array_equal(trimmed.thing.means, scene.means[held & ~kept.straddling])


def test_a_methods_own_choice_is_kept_away_from_the_outline() -> None:
    scene, masks = wall(), left_of(CAMERAS)
    chosen = scene.means[:, 0] < -1.5
    parted = part(scene, CAMERAS, masks, selected=chosen, boundary="split")
    inner = chosen & ~parted.straddling
    assert {tuple(m) for m in scene.means[inner]} <= {tuple(m) for m in parted.thing.means}


def test_votes_add_up_over_cameras_of_different_size() -> None:
    scene, small = wall(200), dataclasses.replace(CAMERAS[1], width=40)
    cameras, masks = [CAMERAS[0], small], [left_of([CAMERAS[0]])[0], left_of([small])[0]]
    held = under_masks(scene, cameras, masks)
    tensors = tensors_from_gaussians(scene)
    inside, seen = torch.zeros(200), torch.zeros(200)
    for one, mask in zip(cameras, masks, strict=True):
        votes = lift(tensors, [one], torch.from_numpy(mask)[None, ..., None])
        inside, seen = inside + votes.inside[:, 0], seen + votes.seen
    np.testing.assert_array_equal(held, ((inside / seen).nan_to_num(nan=0) >= 0.5).numpy())


def test_what_lies_behind_an_object_is_not_cut_out_with_it() -> None:
    """A small wall in front of a large one: the masks show a piece of the large one beside the small one's rim."""
    front, back = wall(600), wall(900, seed=1)
    front.means[:] = front.means * [0.2, 0.2, 0.5]
    front.scales[:] *= 0.5
    front.opacities[:] = 0.99
    scene = joined(front, back)
    masks = [alpha(front, one) > 0.3 for one in CAMERAS]
    thing = part(scene, CAMERAS, masks, boundary="split").thing
    near = thing.means[:, 2] < 3
    assert near.sum() > 100 and (~near).sum() <= 0.02 * near.sum()


def test_specks_are_left_and_second_pieces_are_not() -> None:
    scene = wall(400)
    scene.means[:200, 0] -= 20.0  # two pieces of the object
    scene.means[395:] = [0.0, 0.0, 50.0]  # and a speck behind it
    selected, weights = np.ones(400, bool), np.ones(400, np.float32)
    kept = without_specks(scene, selected, weights)
    assert kept[:395].mean() > 0.98 and not kept[395:].any()
    heavy = np.where(np.arange(400) >= 395, 10.0, 1.0).astype(np.float32)
    assert without_specks(scene, selected, heavy)[395:].all(), "what weighs much is no speck"
    nothing = np.zeros(400, bool)
    np.testing.assert_array_equal(without_specks(scene, nothing, weights), nothing)


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="masks must have shape"):
        under_masks(wall(10), [CAMERAS[0]], [np.ones((64, 48), bool)])
