"""The sparse alignment: its loss, exact and spoilt pairs put together again, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from liftlab.components.errors import Cancelled, InputError
from liftlab.components.geometry.projection import pixel_centers, project, register_similarity, transform
from liftlab.components.pointmaps.alignment.matches import Grids, thinned_matches
from liftlab.components.pointmaps.alignment.solve import Alignment
from liftlab.components.pointmaps.alignment.sparse import SparseAlignmentConfig, align_sparse, robust
from liftlab.components.pointmaps.pairs import Edge, PairResult, pair_graph
from liftlab.components.progress import CancelToken
from liftlab.components.types import Scene
from tests.not_none import not_none
from tests.toy import make_toy

pytestmark = pytest.mark.usefixtures("one_torch_thread")
WIDTH, HEIGHT, GRID = 96, 72, 4
CONFIG = SparseAlignmentConfig(grid_px=GRID, matching_threshold=1.5, iterations_3d=120, iterations_2d=120)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_toy(width=WIDTH, height=HEIGHT).scene


def pairs_of(scene: Scene, edges: list[Edge], *, bend: float = 0.0, seed: int = 0) -> dict[Edge, PairResult]:
    """Pointmaps of every edge with a scale of its own, and true matches of what both photos show.

    With `bend`, depths are wrong by a factor that changes slowly over each photo, the same in all its pairs.
    """
    generator = np.random.default_rng(seed)
    xy = pixel_centers(WIDTH, HEIGHT)
    x, y = xy[..., 0] / 15, xy[..., 1] / 15
    starts = generator.uniform(0, 6, (len(scene.views), 2))
    wave = [np.exp(bend * np.sin(a + x) * np.cos(b + y)) for a, b in starts]
    pairs = {}
    for n, m in edges:
        camera, scale = scene.views[n].camera, float(np.exp(generator.normal(scale=0.7)))
        points = []
        for view in (n, m):
            own = scene.views[view].camera
            local = transform(own.world_to_camera, scene.pointmap.pts3d[view].astype(np.float64))
            world = transform(own.camera_to_world, local * wave[view][..., None])
            points.append((scale * transform(camera.world_to_camera, world)).astype(np.float32))
        conf = np.full((HEIGHT, WIDTH), 3.0, np.float32)
        pairs[n, m] = PairResult(points[0], points[1], conf, conf, true_matches(scene, n, m))
    return pairs


def true_matches(scene: Scene, n: int, m: int) -> np.ndarray:
    """x1, y1, x2, y2 of what view n sees and view m sees too."""
    camera = scene.views[m].camera
    points = scene.pointmap.pts3d[n].reshape(-1, 3).astype(np.float64)
    to, depth = project(camera, points)
    inside = (depth > 0) & (to >= 0).all(axis=1) & (to < [WIDTH, HEIGHT]).all(axis=1)
    column, row = np.floor(np.where(inside[:, None], to, 0)).astype(int).T
    own = transform(camera.world_to_camera, scene.pointmap.pts3d[m].astype(np.float64))[..., 2]
    inside &= np.abs(own[row, column] / np.maximum(depth, 1e-9) - 1) < 0.02
    inside &= scene.pointmap.valid[n].ravel()
    start = pixel_centers(WIDTH, HEIGHT).reshape(-1, 2)
    return np.concatenate([start, to], axis=1)[inside].astype(np.float32)


def errors(found: Alignment, scene: Scene, *, similarity: bool) -> np.ndarray:
    """Distances of valid points from the truth, as shares of the scene's size."""
    keep = np.stack(found.valid) & scene.pointmap.valid
    points = np.stack([found.points(v) for v in range(len(scene.views))])[keep].astype(np.float64)
    truth = scene.pointmap.pts3d[keep].astype(np.float64)
    if similarity:
        scale, R, t = register_similarity(points, truth)
        points = scale * points @ R.T + t
    return np.linalg.norm(points - truth, axis=1) / np.linalg.norm(np.ptp(truth, axis=0))


@pytest.mark.parametrize("gamma", [0.5, 1.0, 1.1, 1.5])
def test_the_robust_loss_starts_at_0_with_slope_1_and_grows_as_its_power(gamma: float) -> None:
    x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    value = robust(x, gamma)
    value.sum().backward()
    assert value.item() == pytest.approx(0, abs=1e-12) and not_none(x.grad).item() == pytest.approx(1)
    far = robust(torch.tensor([1e8, 4e8], dtype=torch.float64), gamma)
    assert (far[1] / far[0]).item() == pytest.approx(4**gamma, rel=1e-3)
    assert torch.autograd.gradcheck(
        lambda v: robust(v, gamma), [torch.rand(5, dtype=torch.float64, requires_grad=True)]
    )


def test_a_linear_map_on_the_grid_is_read_off_as_it_is(scene: Scene) -> None:
    """Bilinear shares reproduce what is linear, up to the border's half cell."""
    grids = Grids([view.camera for view in scene.views], GRID)
    rows, columns = grids.shapes[1]
    centers = (np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1) + 0.5) * GRID
    values = np.zeros(grids.starts[-1])
    values[grids.starts[1] : grids.starts[2]] = (centers @ [0.3, -0.7]).ravel()
    xy = np.random.default_rng(1).uniform([GRID, GRID], [WIDTH - GRID, HEIGHT - GRID], (50, 2))
    corners, shares = grids.around(1, xy)
    assert np.allclose(shares.sum(axis=1), 1) and (shares >= 0).all()
    assert np.allclose((values[corners] * shares).sum(axis=1), xy @ [0.3, -0.7])


def test_matches_are_thinned_to_one_per_cell(scene: Scene) -> None:
    pairs = pairs_of(scene, [(0, 1)])
    grids = Grids([view.camera for view in scene.views], GRID)
    depths = [np.ones((HEIGHT, WIDTH)) for _ in scene.views]
    thin = thinned_matches(pairs, depths, grids)
    cells = np.floor(thin.xy[:, 0].numpy() / GRID)
    assert len(np.unique(cells, axis=0)) == len(cells)
    every = {tuple(cell) for cell in np.floor(pairs[0, 1].matches[:, :2] / GRID)}
    assert {tuple(cell) for cell in cells} <= every and len(cells) > 0.6 * len(every)
    assert np.allclose(thin.weight.numpy(), 3.0)


@pytest.mark.parametrize(("cameras", "limit"), [("unknown", 1e-2), ("known_focal", 1e-3), ("known", 1e-4)])
def test_exact_pairs_are_put_together(scene: Scene, cameras, limit) -> None:
    """The less is known, the farther a hundredth of a pixel lets focal lengths, poses and depths drift together."""
    found = align_sparse(scene.views, pairs_of(scene, pair_graph(4)), replace(CONFIG, cameras=cameras))
    assert np.quantile(errors(found, scene, similarity=cameras != "known"), 0.9) < limit
    assert found.losses[-1] < 0.05
    assert all(valid.mean() > 0.5 for valid in found.valid)
    for camera, view in zip(found.cameras, scene.views, strict=True):
        assert camera.K[0, 0] == pytest.approx(
            view.camera.K[0, 0], rel=3e-2 if cameras == "unknown" else 1e-6
        )
        if cameras == "known":
            assert np.allclose(camera.world_to_camera, view.camera.world_to_camera, atol=1e-12)


@pytest.mark.parametrize("cameras", ["known_focal", "known"])
def test_matches_bend_wrong_depths_right(scene: Scene, cameras) -> None:
    """Depths are 10 % wrong, in waves; the matches know better."""
    pairs = pairs_of(scene, pair_graph(4), bend=0.1)
    config = replace(CONFIG, cameras=cameras)
    before = align_sparse(scene.views, pairs, replace(config, iterations_3d=0, iterations_2d=0))
    coarse = align_sparse(scene.views, pairs, replace(config, iterations_2d=0))
    after = align_sparse(scene.views, pairs, config)
    similarity = cameras != "known"
    start, middle, end = (
        np.median(errors(found, scene, similarity=similarity)) for found in (before, coarse, after)
    )
    assert end < 0.5 * min(start, middle)
    assert after.losses[-1] < 0.3 * after.losses[0]


def test_same_input_same_output(scene: Scene) -> None:
    pairs = pairs_of(scene, pair_graph(4), bend=0.05)
    config = replace(CONFIG, iterations_3d=15, iterations_2d=15)
    first, second = (align_sparse(scene.views, pairs, config) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first.depths, second.depths, strict=True))
    assert np.array_equal(first.losses, second.losses) and len(first.losses) == 15


def test_pairs_that_hardly_match_take_no_part(scene: Scene) -> None:
    pairs = pairs_of(scene, pair_graph(4))
    weak = pairs[0, 3]
    pairs[0, 3] = replace(weak, pts3d_2=weak.pts3d_2 * 9, conf_1=np.full_like(weak.conf_1, 1.2))
    found = align_sparse(
        scene.views, pairs, replace(CONFIG, cameras="known", iterations_3d=5, iterations_2d=5)
    )
    assert (0, 3) not in found.pair_poses and len(found.pair_poses) == len(pairs) - 1


def test_what_cannot_be_aligned_is_said(scene: Scene) -> None:
    with pytest.raises(InputError, match="No two photos"):
        align_sparse(scene.views, {}, CONFIG)
    with pytest.raises(InputError, match="No two photos"):
        align_sparse(scene.views, pairs_of(scene, pair_graph(4)), replace(CONFIG, matching_threshold=5.0))
    with pytest.raises(InputError, match="Photos 3, 4 match none"):
        align_sparse(scene.views, pairs_of(scene, [(0, 1), (1, 0)]), CONFIG)
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        align_sparse(scene.views, pairs_of(scene, pair_graph(4)), CONFIG, cancel=cancel)
