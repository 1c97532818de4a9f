"""Training on a toy scene whose truth is known: it learns, repeats itself, stops, goes on, and keeps the
best."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from liftlab.components.errors import InputError
from liftlab.components.gaussians.training.density import (
    DensityConfig,
    GradientRecord,
    adapt,
    clear_of_cameras,
    surface_distances,
)
from liftlab.components.gaussians.training.frames import camera_extent, depth_of_view, make_frames
from liftlab.components.gaussians.training.initialise import gaussians_from_pointmap, gaussians_from_points
from liftlab.components.gaussians.training.loop import TrainConfig, evaluate, train
from liftlab.components.gaussians.training.parameters import FIELDS, parameters_from_gaussians
from liftlab.components.geometry.projection import points_from_depth
from liftlab.components.progress import CancelToken
from liftlab.components.rasterize import GaussianTensors, rasterize, tensors_from_gaussians
from liftlab.components.types import Camera, Gaussians, Lens, Pointmap, View
from tests.not_none import not_none

WIDTH, HEIGHT = 48, 36


def eye(shift: float) -> Camera:
    K = np.array([[50, 0, WIDTH / 2], [0, 50, HEIGHT / 2], [0, 0, 1.0]])
    world_to_camera = np.eye(4)
    world_to_camera[0, 3] = -shift
    return Camera(K=K, world_to_camera=world_to_camera, width=WIDTH, height=HEIGHT)


@pytest.fixture(scope="module")
def toy() -> tuple[list[View], Pointmap]:
    """Five views of a wall at depth 3 with coloured blobs, one of which stands out at depth 2; and their
    true depth."""
    random = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(np.linspace(-2.4, 2.4, 30), np.linspace(-1.6, 1.6, 20)), axis=-1).reshape(
        -1, 2
    )
    depth = np.where(np.linalg.norm(grid, axis=1) < 0.5, 2.0, 3.0)
    count = len(grid)
    truth = GaussianTensors(
        means=torch.tensor(np.column_stack([grid, depth]), dtype=torch.float32),
        quats=torch.tensor([[1.0, 0, 0, 0]]).repeat(count, 1),
        scales=torch.tensor([[0.12, 0.12, 0.01]]).repeat(count, 1),
        opacities=torch.full((count,), 0.98),
        sh=torch.tensor(random.uniform(-1.4, 1.4, (count, 1, 3)), dtype=torch.float32),
    )
    cameras = [eye(shift) for shift in (-0.4, -0.2, 0.0, 0.2, 0.4)]
    out = rasterize(truth, cameras)
    colour = not_none(out.colour)
    views, points = [], []
    for i, camera in enumerate(cameras):
        image = (colour[i].clamp(0, 1) * 255).round().to(torch.uint8).numpy()
        views.append(View(f"{i}.png", camera, image, Lens(WIDTH, HEIGHT, camera.K)))
        points.append(points_from_depth(camera, out.depth[i].double().numpy()))
    valid = (out.alpha > 0.9).numpy()
    return views, Pointmap(np.stack(points), np.full(valid.shape, 2.0, np.float32), valid)


QUICK = TrainConfig(
    iterations=60,
    max_side=48,
    report_every=20,
    densify_every=15,
    density=DensityConfig(count_max=500),
    seed=3,
)


def same(first: Gaussians, second: Gaussians) -> bool:
    return all(
        np.array_equal(getattr(first, f.name), getattr(second, f.name)) for f in dataclasses.fields(Gaussians)
    )


def test_it_learns_and_the_held_out_view_gains(toy: tuple[list[View], Pointmap]) -> None:
    views, pointmap = toy
    start = gaussians_from_pointmap(pointmap, views, count=300)
    held_out, kept = [views[2]], [view for i, view in enumerate(views) if i != 2]
    before = evaluate(start, make_frames(held_out, max_side=48))
    result = train(kept, start, dataclasses.replace(QUICK, iterations=150), held_out=held_out)
    after = evaluate(result.gaussians, make_frames(held_out, max_side=48))
    assert after.psnr > before.psnr + 3
    assert after.ssim > before.ssim
    assert after.psnr == pytest.approx(max(point.psnr for point in result.curve), abs=1e-6)
    assert result.stopped == "iterations" and result.iterations == 150
    assert [point.iteration for point in result.curve] == [20, 40, 60, 80, 100, 120, 140, 150]


def test_the_pointmap_keeps_the_depth_right(toy: tuple[list[View], Pointmap]) -> None:
    views, pointmap = toy
    random = np.random.default_rng(1)
    points = pointmap.points[::40] + random.normal(0, 0.25, (len(pointmap.points[::40]), 3)) * [0, 0, 1]
    start = gaussians_from_points(points, random.integers(0, 255, (len(points), 3)).astype(np.uint8))

    def depth_error(gaussians: Gaussians) -> float:
        out = rasterize(tensors_from_gaussians(gaussians), [views[2].camera])
        target = torch.from_numpy(depth_of_view(pointmap, 2, views[2].camera))
        return float((out.depth[0] - target).abs()[(target > 0) & (out.alpha[0] > 0.5)].mean())

    config = dataclasses.replace(QUICK, iterations=150, rate_means=1e-2)
    guided = train(views, start, config, pointmap=pointmap)
    alone = train(views, start, dataclasses.replace(config, depth_weight=0.0), pointmap=pointmap)
    assert depth_error(guided.gaussians) < 0.8 * depth_error(alone.gaussians)


def test_the_same_again_to_the_bit(toy: tuple[list[View], Pointmap]) -> None:
    views, pointmap = toy
    start = gaussians_from_pointmap(pointmap, views, count=200)
    results = [train(views, start, QUICK, pointmap=pointmap) for _ in range(2)]
    assert same(results[0].gaussians, results[1].gaussians)
    assert len(results[0].gaussians.means) > len(start.means), (
        "the toy must densify for this to mean something"
    )


def test_resumed_after_a_cancel_it_ends_where_it_would_have(
    toy: tuple[list[View], Pointmap], tmp_path: Path
) -> None:
    views, pointmap = toy
    start = gaussians_from_pointmap(pointmap, views, count=200)
    whole = train(views, start, QUICK, pointmap=pointmap)
    cancel, path = CancelToken(), tmp_path / "state.safetensors"

    def stop_at_the_first_report(_gaussians: Gaussians, _iteration: int) -> None:
        cancel.cancel()

    arguments = {"pointmap": pointmap, "checkpoint": path}
    part = train(views, start, QUICK, cancel=cancel, preview=stop_at_the_first_report, **arguments)
    assert part.stopped == "cancelled" and part.iterations == 20
    rest = train(views, start, QUICK, **arguments)
    assert rest.iterations == 60 and rest.seconds > part.seconds
    assert same(rest.gaussians, whole.gaussians)


def test_cancelled_before_the_first_step_it_returns_the_start(toy: tuple[list[View], Pointmap]) -> None:
    views, pointmap = toy
    start = gaussians_from_pointmap(pointmap, views, count=100)
    cancel = CancelToken()
    cancel.cancel()
    result = train(views, start, QUICK, cancel=cancel)
    assert result.iterations == 0 and result.curve == ()
    np.testing.assert_array_equal(result.gaussians.means, start.means)


def test_a_budget_of_no_time_ends_at_once(toy: tuple[list[View], Pointmap]) -> None:
    views, pointmap = toy
    start = gaussians_from_pointmap(pointmap, views, count=100)
    result = train(views, start, dataclasses.replace(QUICK, budget_secs=1e-9))
    assert result.stopped == "budget" and result.iterations == 0


def test_progress_rises_and_says_what_is_going_on(toy: tuple[list[View], Pointmap]) -> None:
    views, pointmap = toy
    reports: list[tuple[float, str]] = []
    train(
        views,
        gaussians_from_pointmap(pointmap, views, count=100),
        QUICK,
        progress=lambda fraction, message="": reports.append((fraction, message)),
    )
    trained = [fraction for fraction, message in reports if message.startswith("Training splats: ")]
    assert len(trained) == 3 and trained == sorted(trained)
    assert " dB, " in reports[-1][1] and reports[-1][1].endswith(" splats")


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x10" + b"\x00" * 30])
def test_a_damaged_checkpoint_is_named(
    toy: tuple[list[View], Pointmap], tmp_path: Path, content: bytes
) -> None:
    views, pointmap = toy
    (tmp_path / "state").write_bytes(content)
    start = gaussians_from_pointmap(pointmap, views, count=100)
    with pytest.raises(
        InputError, match=r"saved training cannot be read; delete it to start anew\. \(state\)"
    ):
        train(views, start, QUICK, checkpoint=tmp_path / "state")


def test_adam_is_adam() -> None:
    means, quats, scales, sh = (np.ones((3, *rest), np.float32) for rest in ((3,), (4,), (3,), (4, 3)))
    start = Gaussians(means, quats, scales, np.full(3, 0.5, np.float32), sh)
    ours = parameters_from_gaussians(start, sh_degree=1, device=torch.device("cpu"))
    theirs = [ours.values[name].detach().clone().requires_grad_(True) for name in FIELDS]
    optimiser = torch.optim.Adam(theirs, lr=0.01, eps=1e-15)
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        for name, leaf in zip(FIELDS, theirs, strict=True):
            leaf.grad = torch.randn(leaf.shape, generator=generator)
            ours.values[name].grad = leaf.grad.clone()
        optimiser.step()
        ours.step(dict.fromkeys(FIELDS, 0.01))
    for name, leaf in zip(FIELDS, theirs, strict=True):
        torch.testing.assert_close(ours.values[name], leaf)


def test_adapting_doubles_narrow_splits_wide_and_drops_faint_gaussians() -> None:
    """Rows: quiet, pulled and narrow, pulled and wide, faint."""
    start = Gaussians(
        means=np.array([[0, 0, 1], [1, 0, 1], [2, 0, 1], [3, 0, 1]], np.float32),
        quats=np.array([[1, 0, 0, 0]] * 4, np.float32),
        scales=np.array([[0.001] * 3, [0.001] * 3, [0.05] * 3, [0.001] * 3], np.float32),
        opacities=np.array([0.5, 0.5, 0.5, 0.001], np.float32),
        sh=np.zeros((4, 1, 3), np.float32),
    )
    parameters = parameters_from_gaussians(start, sh_degree=0, device=torch.device("cpu"))
    record = GradientRecord(4, torch.device("cpu"))
    record.total, record.seen = torch.tensor([0.0, 1.0, 1.0, 0.0]), torch.ones(4)
    added, dropped = adapt(parameters, record, 1.0, DensityConfig(), torch.Generator().manual_seed(0))
    after = parameters.snapshot()
    assert (added, dropped) == (2, 1)
    np.testing.assert_allclose(
        np.sort(after.scales[:, 0]), [0.001, 0.001, 0.001, 0.03125, 0.03125], rtol=1e-5
    )
    assert (after.means[:, 0] == 1).sum() == 2 and not (after.means[:, 0] == 3).any()
    assert np.abs(after.means[after.scales[:, 0] > 0.01, 0] - 2).max() < 0.25


def test_no_more_gaussians_than_allowed() -> None:
    start = gaussians_from_points(np.random.default_rng(0).normal(size=(50, 3)), np.zeros((50, 3), np.uint8))
    parameters = parameters_from_gaussians(start, sh_degree=0, device=torch.device("cpu"))
    record = GradientRecord(50, torch.device("cpu"))
    record.total, record.seen = torch.ones(50), torch.ones(50)
    adapt(parameters, record, 100.0, DensityConfig(count_max=60), torch.Generator().manual_seed(0))
    assert len(parameters) == 60


def test_surfaces_are_as_far_as_the_nearest_points_in_the_picture() -> None:
    away = np.column_stack([np.zeros(300), np.zeros(300), np.linspace(2, 5, 300)])
    unseen = np.array([[0, 0, -1.0], [9, 0, 1.0]])
    stray = np.array([[0, 0, 0.1]])
    points = np.concatenate([away, unseen, stray])
    near, blind = surface_distances([eye(0), eye(50)], points)
    assert near == pytest.approx(2, abs=0.05) and blind == 0


def test_what_lies_right_in_front_of_a_camera_is_not_clear() -> None:
    means = torch.tensor([[0, 0, 0.9], [0, 0, 1.1], [0, 0, -0.5], [2, 0, 0.5], [0.1, 0, 0.5]])
    clear = clear_of_cameras(means, [eye(0)], np.array([1.0]))
    assert clear.tolist() == [False, True, True, True, False]
    assert clear_of_cameras(means, [eye(0)], np.zeros(1)).all(), "nothing is known of what it sees"
    assert clear_of_cameras(means, [eye(0), eye(2)], np.ones(2)).tolist() == [False, True, True, False, False]


def test_no_fog_is_left_before_a_lens(toy: tuple[list[View], Pointmap]) -> None:
    views, pointmap = toy
    start = gaussians_from_pointmap(pointmap, views, count=150)
    fog = dataclasses.replace(
        gaussians_from_points(
            np.random.default_rng(0).normal([0, 0, 0.6], 0.05, (8, 3)),
            np.full((8, 3), 200, np.uint8),
        ),
        opacities=np.full(8, 0.3, np.float32),
    )
    foggy = Gaussians(
        **{
            f.name: np.concatenate([getattr(start, f.name), getattr(fog, f.name)])
            for f in dataclasses.fields(Gaussians)
        }
    )
    kept = dataclasses.replace(QUICK, density=dataclasses.replace(QUICK.density, clear_share=0.0))
    cleared, as_before = (
        train(views, foggy, config, pointmap=pointmap).gaussians for config in (QUICK, kept)
    )
    assert (cleared.means[:, 2] > 1).all()
    assert (as_before.means[:, 2] < 1).any()


def test_points_on_a_grid_become_round_gaussians_of_its_spacing() -> None:
    grid = np.stack(np.meshgrid(*[np.arange(6) * 0.5] * 3), axis=-1).reshape(-1, 3)
    made = gaussians_from_points(grid, np.full((216, 3), 255, np.uint8), sh_degree=1)
    np.testing.assert_allclose(made.scales, 0.5, rtol=1e-6)
    np.testing.assert_allclose(made.sh[:, 0] * 0.28209479 + 0.5, 1, rtol=1e-6)
    assert made.sh.shape == (216, 4, 3) and not made.sh[:, 1:].any()
    with pytest.raises(ValueError, match="at least 4 points; got 3"):
        gaussians_from_points(grid[:3], np.zeros((3, 3), np.uint8))


def test_the_wanted_number_of_gaussians_from_confident_points(toy: tuple[list[View], Pointmap]) -> None:
    views, pointmap = toy
    for count in (100, 500):
        assert len(gaussians_from_pointmap(pointmap, views, count=count).means) == pytest.approx(
            count, rel=0.15
        )
    conf = pointmap.conf.copy()
    conf[1:] = 1.1
    only_first = gaussians_from_pointmap(
        dataclasses.replace(pointmap, conf=conf), views, count=10**6, conf_min=1.5
    )
    assert len(only_first.means) == pointmap.valid[0].sum()


def test_splats_start_on_filled_points_and_their_depth_is_held_to_measured_ones(
    toy: tuple[list[View], Pointmap],
) -> None:
    views, pointmap = toy
    filled = np.zeros_like(pointmap.valid)
    filled[:, :18] = pointmap.valid[:, :18]
    completed = dataclasses.replace(pointmap, filled=filled).of_views([0, 3])
    frames = make_frames([views[0], views[3]], max_side=48, pointmap=completed)
    for frame, whole in zip(frames, make_frames(views, max_side=48, pointmap=pointmap)[::3], strict=False):
        depth, before = not_none(frame.depth), not_none(whole.depth)
        assert not depth[:18].any() and bool((depth[18:] == before[18:]).all())
    start = gaussians_from_pointmap(completed, [views[0], views[3]], count=10**6)
    assert len(start.means) == pointmap.valid[[0, 3]].sum()


def test_frames_shrink_image_camera_and_depth_together(toy: tuple[list[View], Pointmap]) -> None:
    views, pointmap = toy
    full, half = (make_frames(views, max_side=side, pointmap=pointmap)[2] for side in (48, 24))
    deep, flat = not_none(full.depth), not_none(half.depth)
    assert half.image.shape == (18, 24, 3) and flat.shape == (18, 24)
    np.testing.assert_allclose(half.camera.K[:2], full.camera.K[:2] / 2)
    known = (deep[1::2, 1::2] > 0) & (flat > 0)
    assert (flat - deep[1::2, 1::2]).abs()[known].median() < 0.02
    assert float(deep[0, 0]) == pytest.approx(3, abs=0.2)


def test_scene_scale_is_the_reach_of_the_cameras(toy: tuple[list[View], Pointmap]) -> None:
    assert camera_extent([view.camera for view in toy[0]]) == pytest.approx(1.1 * 0.4)
