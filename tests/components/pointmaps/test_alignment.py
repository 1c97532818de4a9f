"""The alignment: its loss and gradient, its gauge, and exact and noisy pointmaps put together again."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from liftlab.components.errors import Cancelled, InputError
from liftlab.components.geometry.projection import pixel_centers, register_similarity, transform, unproject
from liftlab.components.geometry.rotations import quat_from_rotation, rotations
from liftlab.components.pointmaps.alignment.clean import front_points
from liftlab.components.pointmaps.alignment.loss import EdgePixels, WeightedDistance, weighted_distance
from liftlab.components.pointmaps.alignment.solve import Alignment, AlignmentConfig, align, gauged_log_scales
from liftlab.components.pointmaps.pairs import Edge, PairResult, pair_graph
from liftlab.components.progress import CancelToken
from liftlab.components.types import Camera, Scene
from tests.not_none import not_none
from tests.toy import make_toy

pytestmark = pytest.mark.usefixtures("one_torch_thread")
rng = np.random.default_rng(3)


def random_rotation(generator: np.random.Generator) -> np.ndarray:
    q, r = np.linalg.qr(generator.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.linalg.det(q)


def truth_pairs(
    scene: Scene,
    edges: list[Edge],
    *,
    move: str,
    noise: float = 0.0,
    seed: int = 0,
) -> dict[Edge, PairResult]:
    """Exact pointmaps of every edge in its first camera, each edge with a scale ("scale") or a whole
    similarity ("similarity") of its own, and multiplicative noise."""
    generator = np.random.default_rng(seed)
    pairs = {}
    for n, m in edges:
        camera = scene.views[n].camera
        scale = float(np.exp(generator.normal(scale=0.7)))
        R = random_rotation(generator) if move == "similarity" else np.eye(3)
        t = generator.normal(size=3) if move == "similarity" else np.zeros(3)
        points = []
        for view in (n, m):
            local = transform(camera.world_to_camera, scene.pointmap.pts3d[view].astype(np.float64))
            local = local * np.exp(noise * generator.normal(size=local.shape[:2]))[..., None]
            points.append((scale * local @ R.T + t).astype(np.float32))
        shape = points[0].shape[:2]
        xy = pixel_centers(shape[1], shape[0]).reshape(-1, 2)
        conf = np.full(shape, 3.0, np.float32)
        pairs[n, m] = PairResult(
            points[0], points[1], conf, conf, np.concatenate([xy, xy], axis=1).astype(np.float32)
        )
    return pairs


def world_error(alignment: Alignment, scene: Scene, *, up_to_similarity: bool) -> np.ndarray:
    """Distances to the truth over the scene's size (the diagonal of its bounding box)."""
    found = np.stack([alignment.points(v) for v in range(len(scene.views))]).reshape(-1, 3).astype(np.float64)
    truth = scene.pointmap.pts3d.reshape(-1, 3).astype(np.float64)
    if up_to_similarity:
        scale, R, t = register_similarity(found, truth)
        found = scale * found @ R.T + t
    size = np.linalg.norm(truth.max(axis=0) - truth.min(axis=0))
    return np.linalg.norm(found - truth, axis=1) / size


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_toy(width=48, height=36).scene


# Loss ---------------------------------------------------------------------------------------------------


def plain_loss(chi, A, b, edges: EdgePixels) -> torch.Tensor:
    """Eq. (8) in plain torch."""
    points, weights = torch.from_numpy(edges.points), torch.from_numpy(edges.weights)
    moved = A @ points + b[:, :, None]
    return (weights * (chi[torch.from_numpy(edges.views)] - moved).norm(dim=1)).sum() / weights.numel()


def random_problem(views: int, rows: int, pixels: int, dtype) -> tuple[list[np.ndarray], EdgePixels]:
    arrays = [rng.normal(size=s).astype(dtype) for s in ((views, 3, pixels), (rows, 3, 3), (rows, 3))]
    weights = np.maximum(rng.normal(size=(rows, pixels)), 0).astype(dtype)
    edges = EdgePixels(
        rng.normal(size=(rows, 3, pixels)).astype(dtype), weights, rng.integers(0, views, rows)
    )
    return arrays, edges


@pytest.mark.parametrize(("views", "rows", "pixels"), [(1, 1, 1), (3, 4, 17), (5, 20, 11000)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 2e-5)])
def test_loss_and_gradient_equal_plain_torch(views, rows, pixels, dtype, tolerance) -> None:
    arrays, edges = random_problem(views, rows, pixels, dtype)
    plain = [torch.from_numpy(a).requires_grad_() for a in arrays]
    fused = [torch.from_numpy(a.copy()).requires_grad_() for a in arrays]
    with ThreadPoolExecutor(2) as pool:
        loss = WeightedDistance.apply(*fused, edges, pool)
        loss.backward()
    expected = plain_loss(plain[0], plain[1], plain[2], edges)
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=tolerance)
    for a, b in zip(plain, fused, strict=True):
        assert torch.allclose(not_none(a.grad), not_none(b.grad), rtol=tolerance, atol=tolerance)


def test_gradcheck_in_double() -> None:
    arrays, edges = random_problem(3, 4, 11, np.float64)
    inputs = [torch.from_numpy(a).requires_grad_() for a in arrays]
    with ThreadPoolExecutor(2) as pool:
        assert torch.autograd.gradcheck(lambda *x: WeightedDistance.apply(*x, edges, pool), inputs)


def test_loss_does_not_depend_on_the_number_of_threads() -> None:
    arrays, edges = random_problem(4, 20, 11000, np.float32)
    results = []
    for threads in (1, 3):
        with ThreadPoolExecutor(threads) as pool:
            results.append(weighted_distance(arrays[0], arrays[1], arrays[2], edges, pool))
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))


def test_zero_distance_has_zero_gradient() -> None:
    points = rng.normal(size=(1, 3, 5))
    edges = EdgePixels(points, np.ones((1, 5)), np.zeros(1, np.int64))
    with ThreadPoolExecutor(1) as pool:
        loss, *grads = weighted_distance(points.copy(), np.eye(3)[None], np.zeros((1, 3)), edges, pool)
    assert loss == pytest.approx(0, abs=1e-12) and all(np.abs(grad).max() < 1e-12 for grad in grads)


def test_rotation_gradcheck() -> None:
    quats = torch.randn(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(rotations, [quats.requires_grad_()])


@pytest.mark.parametrize("angle", [0.0, 1e-4, 1.0, 3.1, np.pi])
def test_quaternions_and_rotations_invert_each_other(angle: float) -> None:
    for axis in (*np.eye(3), np.array([0.6, -0.64, 0.48])):
        K = np.cross(np.eye(3), axis)
        R = np.eye(3) - np.sin(angle) * K + (1 - np.cos(angle)) * K @ K
        again = rotations(torch.from_numpy(quat_from_rotation(R))[None])[0].numpy()
        assert np.allclose(again, R, atol=1e-12)


# Gauge --------------------------------------------------------------------------------------------------


def test_gauge_of_the_worked_example() -> None:
    scales = gauged_log_scales(torch.log(torch.tensor([2.0, 1.0, 0.25], dtype=torch.float64))).exp()
    assert scales.tolist() == pytest.approx([2.519842, 1.259921, 0.314980], abs=1e-6)
    assert float(scales.prod()) == pytest.approx(1.0)


def test_unprojection_of_the_worked_example() -> None:
    """Centres are at +0.5 here, so the example's pixel (3, 1) and centre (2, 1) move by half a pixel."""
    K = np.array([[100.0, 0, 2.5], [0, 100, 1.5], [0, 0, 1]])
    pose = np.eye(4)
    pose[:3, 3] = [0, 0, 1]
    point = unproject(Camera(K, pose, 5, 3), np.array([3.5, 1.5]), np.array(2.0))
    assert np.allclose(point, [0.02, 0, 1])


@pytest.mark.parametrize("method", ["ga", "dga"])
def test_scales_multiply_to_one(scene: Scene, method) -> None:
    pairs = truth_pairs(scene, pair_graph(4), move="scale", noise=0.02)
    found = align(scene.views, pairs, AlignmentConfig(method=method, iterations=40))
    assert np.prod([pose.scale for pose in found.pair_poses.values()]) == pytest.approx(1.0, abs=1e-3)


# Truth put together again -------------------------------------------------------------------------------

EXACT = [
    ("ga", "scale", "unknown"),
    ("dga", "scale", "unknown"),
    ("dga", "similarity", "known_focal"),
    ("dga", "scale", "known"),
    ("ga", "similarity", "known"),
]


@pytest.mark.parametrize(("method", "move", "cameras"), EXACT)
def test_exact_pointmaps_align_to_a_thousandth_of_the_scene(scene: Scene, method, move, cameras) -> None:
    pairs = truth_pairs(scene, pair_graph(4), move=move)
    found = align(scene.views, pairs, AlignmentConfig(method=method, cameras=cameras, iterations=150))
    assert world_error(found, scene, up_to_similarity=cameras != "known").max() < 1e-3
    assert all(mask.mean() > 0.9 for mask in found.valid)
    if cameras == "unknown":
        focals = [camera.K[0, 0] for camera in found.cameras]
        assert focals == pytest.approx([view.camera.K[0, 0] for view in scene.views], rel=2e-3)


def test_every_second_pixel_gives_the_other_depths_too(scene: Scene) -> None:
    pairs = truth_pairs(scene, pair_graph(4), move="scale")
    found = align(scene.views, pairs, AlignmentConfig(pixel_stride=2, iterations=60))
    assert world_error(found, scene, up_to_similarity=True).max() < 1e-3


@pytest.mark.parametrize("cameras", ["unknown", "known"])
def test_optimising_beats_the_start_on_noisy_pointmaps(scene: Scene, cameras) -> None:
    pairs = truth_pairs(scene, pair_graph(4), move="scale", noise=0.03)
    config = AlignmentConfig(method="ga", cameras=cameras, iterations=1)
    before = align(scene.views, pairs, config)
    after = align(scene.views, pairs, replace(config, iterations=200))
    errors = [np.median(world_error(a, scene, up_to_similarity=cameras != "known")) for a in (before, after)]
    assert errors[1] < 0.8 * errors[0]
    assert after.losses[-1] < 0.9 * after.losses[0]


def test_dga_resists_unmatched_outliers_better_than_ga(scene: Scene) -> None:
    """A quarter of one view's pixels lies elsewhere in each pair, with low confidence and no match."""
    edges = pair_graph(4)
    pairs = truth_pairs(scene, edges, move="scale", noise=0.002)
    bad = np.zeros((36, 48), bool)
    bad[:, :12] = True
    for (n, m), pair in pairs.items():
        points, conf = [pair.pts3d_1.copy(), pair.pts3d_2.copy()], [pair.conf_1.copy(), pair.conf_2.copy()]
        keep = np.ones(len(pair.matches), bool)
        for side, view in enumerate((n, m)):
            if view == 1:
                points[side][bad] *= 1 + 0.5 * ((n + m) % 3)
                conf[side][bad] = 1.05
                keep &= ~bad[tuple(np.floor(pair.matches[:, 2 * side : 2 * side + 2]).astype(int).T[::-1])]
        pairs[n, m] = PairResult(points[0], points[1], conf[0], conf[1], pair.matches[keep])
    errors = {}
    for method in ("ga", "dga"):
        found = align(scene.views, pairs, AlignmentConfig(method=method, cameras="known", iterations=150))
        poses = [
            np.linalg.norm(p.R - scene.views[e[0]].camera.world_to_camera[:3, :3].T)
            for e, p in found.pair_poses.items()
        ]
        errors[method] = np.mean(poses)
    assert errors["dga"] < errors["ga"]


def test_known_cameras_stay_as_they_are(scene: Scene) -> None:
    pairs = truth_pairs(scene, pair_graph(4), move="scale", noise=0.02)
    found = align(scene.views, pairs, AlignmentConfig(cameras="known", iterations=30))
    for camera, view in zip(found.cameras, scene.views, strict=True):
        assert np.allclose(camera.world_to_camera, view.camera.world_to_camera, atol=1e-12)
        assert np.array_equal(camera.K, view.camera.K)


def test_pixels_without_weight_keep_their_start_and_are_not_valid(scene: Scene) -> None:
    """With S = 0, no match and clamped weights the background has no say."""
    pairs = truth_pairs(scene, pair_graph(4), move="scale", noise=0.01)
    pairs = {e: replace(p, matches=np.zeros((0, 4), np.float32)) for e, p in pairs.items()}
    soft = [np.ones((36, 48), np.float32) for _ in range(4)]
    for mask in soft:
        mask[:, 24:] = 0
    found = align(scene.views, pairs, AlignmentConfig(cameras="known", iterations=5), soft_masks=soft)
    assert not any(valid[:, 24:].any() for valid in found.valid)
    assert all(valid[:, :24].mean() > 0.5 for valid in found.valid)
    assert not_none(found.histogram).clamped > 0


def test_views_of_different_size_align(scene: Scene) -> None:
    """The second view is cropped at the right and bottom."""
    views = list(scene.views)
    camera = replace(views[1].camera, width=40, height=30)
    views[1] = replace(views[1], camera=camera, image=views[1].image[:30, :40])
    pairs = truth_pairs(scene, pair_graph(4), move="scale")
    for (n, m), pair in pairs.items():
        cut = [slice(0, 30), slice(0, 40)]
        first = tuple(cut) if n == 1 else ...
        second = tuple(cut) if m == 1 else ...
        pairs[n, m] = replace(
            pair,
            pts3d_1=pair.pts3d_1[first],
            conf_1=pair.conf_1[first],
            pts3d_2=pair.pts3d_2[second],
            conf_2=pair.conf_2[second],
        )
    found = align(views, pairs, AlignmentConfig(cameras="known", iterations=150))
    truth = scene.pointmap.pts3d[1][:30, :40]
    assert found.depths[1].shape == (30, 40)
    assert np.abs(found.points(1) - truth).max() < 5e-3


def test_same_input_same_output(scene: Scene) -> None:
    pairs = truth_pairs(scene, pair_graph(4), move="scale", noise=0.02)
    config = AlignmentConfig(iterations=20)
    first, second = align(scene.views, pairs, config), align(scene.views, pairs, config)
    assert all(np.array_equal(a, b) for a, b in zip(first.depths, second.depths, strict=True))
    assert np.array_equal(first.losses, second.losses)


# What cannot be aligned ---------------------------------------------------------------------------------


def test_photos_that_do_not_connect_are_named(scene: Scene) -> None:
    pairs = truth_pairs(scene, [(0, 1), (1, 0)], move="scale")
    with pytest.raises(InputError, match="Photos 3, 4 match none"):
        align(scene.views, pairs, AlignmentConfig())


def test_without_pairs_there_is_nothing_to_align(scene: Scene) -> None:
    with pytest.raises(InputError, match="No two photos"):
        align(scene.views, {}, AlignmentConfig())


def test_aligning_can_be_cancelled(scene: Scene) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        align(scene.views, truth_pairs(scene, pair_graph(4), move="scale"), AlignmentConfig(), cancel=cancel)


# Cleaning -----------------------------------------------------------------------------------------------


def test_flying_pixels_are_dropped_and_surfaces_are_not(scene: Scene) -> None:
    cameras = [view.camera for view in scene.views]
    toy = make_toy(width=48, height=36)
    depths = [depth.astype(np.float32).copy() for depth in toy.depth]
    conf = [np.full(depth.shape, 3.0, np.float32) for depth in depths]
    depths[0][20:24, 20:24] *= 0.8
    conf[0][20:24, 20:24] = 1.6
    front = front_points(cameras, depths, conf, tolerance=0.02)
    assert front[0][20:24, 20:24].mean() > 0.9
    front[0][20:24, 20:24] = False
    assert max(mask.mean() for mask in front) < 0.02
