"""Made training captures: exact truth, plausible things and places, the same bytes for the same seed."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
from PIL import Image

from assets.training_maker import render
from assets.training_maker.capture import write_capture
from assets.training_maker.meshes import Material, Part, ball, box, ear_clip, lathe, patch
from assets.training_maker.placing import CARPETS, Placed
from assets.training_maker.scenes import KINDS, SceneToPhotograph, make_scene
from assets.training_maker.stage import STRUCTURE_IDS
from assets.training_maker.things import library
from assets.training_maker.things.base import FAMILIES
from assets.training_maker.world import Light, World, to_linear
from benchmarks.common.truth_scenes import STRUCTURE_ID, read_truth
from liftlab.components.errors import InputError
from liftlab.components.geometry.projection import points_from_depth, project
from liftlab.components.types import Camera

ROOT = Path(__file__).resolve().parents[2]
GREY = Material(np.full((1, 1, 3), 180, np.uint8))
WIDTH, HEIGHT = 120, 90


FAST_KINDS = ("table", "wall")
"""Made in every run of the tests; the others in the slow ones."""


@pytest.fixture(
    scope="module",
    params=[k if k in FAST_KINDS else pytest.param(k, marks=pytest.mark.slow) for k in KINDS],
)
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[SceneToPhotograph, Path]:
    """A small capture of every kind with its scene."""
    scene = make_scene(request.param, 1000, photos=4, width=WIDTH, height=HEIGHT)
    out = tmp_path_factory.mktemp("made") / request.param
    write_capture(scene, out)
    return scene, out


def straight_down(height: float, *, width: int = 64, rows: int = 48) -> Camera:
    """A camera at (0.1, -0.2, height) that looks along -Z of the world."""
    pose = np.array([[1.0, 0, 0, -0.1], [0, -1, 0, -0.2], [0, 0, -1, height], [0, 0, 0, 1]])
    return Camera(np.array([[60.0, 0, 31.0], [0, 60, 25], [0, 0, 1]]), pose, width, rows)


def world_of(*parts: tuple[Part, int], lights: tuple[Light, ...] = ()) -> World:
    return World(parts, lights, np.ones(3))


def test_depth_of_a_ball_on_a_plane_is_the_analytic_one() -> None:
    ground = patch(np.array([[[-9.0, -9, 0], [9, -9, 0]], [[-9, 9, 0], [9, 9, 0]]]), GREY, smooth=False)
    radius, middle = 0.3, np.array([0.2, -0.1, 0.5])
    world = world_of((ground, 201), (ball(radius, GREY, segments=512).moved(middle), 7))
    camera = straight_down(2.0)
    depth, ids = render.measure(world, camera)
    x, y = np.meshgrid(np.arange(64) + 0.5, np.arange(48) + 0.5)
    rays = np.stack([(x - 31) / 60, (y - 25) / 60, np.ones_like(x)], axis=-1)
    in_camera = camera.world_to_camera[:3, :3] @ middle + camera.world_to_camera[:3, 3]
    a, b = (rays**2).sum(-1), rays @ in_camera
    inside = b**2 - a * (in_camera @ in_camera - radius**2)
    expected = np.where(inside > 0, (b - np.sqrt(np.maximum(inside, 0))) / a, 2.0)
    clear = np.abs(inside) > 0.01  # not at the ball's outline, where a chord differs from the arc
    assert (ids[clear] == np.where(inside > 0, 7, 201)[clear]).all()
    assert 100 < (ids == 7).sum() < 1000
    np.testing.assert_allclose(depth[clear], expected[clear], rtol=2e-4)
    np.testing.assert_allclose(depth[ids == 201], 2.0, rtol=1e-6)


def test_textures_show_where_their_coordinates_say() -> None:
    """The pixel of the texture's upper left corner is red: it shows at -X, +Y of a patch seen from above."""
    image = np.full((2, 2, 3), 100, np.uint8)
    image[0, 0] = (250, 10, 10)
    sheet = patch(
        np.array([[[-1.0, -1, 0], [1, -1, 0]], [[-1, 1, 0], [1, 1, 0]]]), Material(image), smooth=False
    )
    world = world_of((sheet, 1))
    down = np.tile([0.0, 0, -1], (4, 1))
    hits = world.first(np.array([[-0.5, 0.5, 1], [0.5, 0.5, 1], [-0.5, -0.5, 1], [0.5, -0.5, 1]]), down)
    red = world.albedo(hits, np.full(4, 1e-4))[:, 0]
    np.testing.assert_allclose(red, to_linear(np.array([250, 100, 100, 100])), atol=1e-6)


def test_light_falls_off_with_the_square_of_the_distance_and_is_blocked() -> None:
    ground = patch(np.array([[[-9.0, -9, 0], [9, -9, 0]], [[-9, 9, 0], [9, 9, 0]]]), GREY, smooth=False)
    brightness = []
    for height in (1.0, 2.0):
        arrays = ([-0.01, 0.01, height], [0.02, 0, 0], [0, -0.02, 0], [900.0, 900, 900])
        lamp = Light(*(np.array(v, np.float32) for v in arrays))
        world = World([(ground, 201)], [lamp], np.zeros(3))
        starts = render.Sampler(np.random.default_rng(0).random((1, render.DIMENSIONS, 2), np.float32), 0)
        origin, direction = np.array([[0, 0, 0.5]], np.float32), np.array([[0, 0, -1]], np.float32)
        seen, _ = render.light_along(world, origin, direction, 1e-3, starts)
        brightness.append(float(seen[0, 0]))
        roof = [(p.moved((0, 0, 0.7)), 5) for p in box((0.5, 0.5, 0.1), GREY)]
        seen, _ = render.light_along(
            World([(ground, 201), *roof], [lamp], np.zeros(3)), origin, direction, 1e-3, starts
        )
        assert seen[0, 0] == 0
    assert brightness[0] / brightness[1] == pytest.approx(4.0, rel=0.02)


def test_every_pixel_has_depth_and_a_listed_id(made: tuple[SceneToPhotograph, Path]) -> None:
    _, out = made
    record = json.loads((out / "truth" / "objects.json").read_text())
    listed = {entry["id"] for entry in record["objects"]} | set(STRUCTURE_IDS.values())
    assert min(STRUCTURE_IDS.values()) == STRUCTURE_ID
    assert len({entry["id"] for entry in record["objects"]}) == len(record["objects"]) < STRUCTURE_ID
    for path in sorted((out / "truth" / "instance").iterdir()):
        ids = np.asarray(Image.open(path))
        depth = np.load(out / "truth" / "depth" / f"{path.stem}.npz")["depth"]
        assert (
            ids.dtype == np.uint16
            and depth.dtype == np.float32
            and ids.shape == depth.shape == (HEIGHT, WIDTH)
        )
        assert set(np.unique(ids)) <= listed
        assert depth.min() > 0.2 and depth.max() < 9


def test_benchmarks_read_every_kind(made: tuple[SceneToPhotograph, Path]) -> None:
    scene, out = made
    truth = read_truth(out)
    stems = [f"{k:03d}" for k in range(len(scene.cameras))]
    assert sorted(truth.cameras) == sorted(truth.depth) == sorted(truth.labels) == stems and len(stems) >= 3
    assert len(truth.names) >= 6
    seen = [i for i in truth.names if sum((label == i).sum() >= 20 for label in truth.labels.values()) >= 2]
    assert len(seen) >= (1 if scene.kind == "big" else 4)
    for stem in stems:
        with Image.open(out / "images" / f"{stem}.jpg") as image:
            assert image.size == (WIDTH, HEIGHT) and not image.getexif()
            values = np.asarray(image, float)
        assert 25 < values.mean() < 230 and values.std() > 8
        K = truth.cameras[stem].K
        assert 0.9 <= K[0, 0] / WIDTH <= 1.4 and K[0, 0] == K[1, 1]


def test_photos_of_one_capture_agree(made: tuple[SceneToPhotograph, Path]) -> None:
    """Points of one photo lie on or behind what another sees there; on it, with the same id."""
    scene, out = made
    truth = read_truth(out)
    shares, same_ids, before = [], [], []
    for a, b in (("000", "001"), ("001", "002")):
        xy, expected = project(truth.cameras[b], points_from_depth(truth.cameras[a], truth.depth[a]))
        column, row = np.floor(np.nan_to_num(xy, nan=-1)).astype(int).transpose(2, 0, 1)
        shown = (expected > 0) & (column >= 0) & (column < WIDTH) & (row >= 0) & (row < HEIGHT)
        if shown.mean() < 0.1:
            continue
        there, expected = truth.depth[b][row[shown], column[shown]], expected[shown]
        same = np.abs(expected / there - 1) < 0.01
        shares.append(same.mean())
        before.append((expected < there * 0.95).mean())
        ids, window = truth.labels[b].astype(np.float32), np.ones((3, 3), np.uint8)
        inner = (cv2.dilate(ids, window) == cv2.erode(ids, window))[row[shown], column[shown]]
        clear = (
            same & inner
        )  # a point is looked up to the nearest pixel: at an outline that may be another thing's
        there_ids = truth.labels[b][row[shown], column[shown]]
        same_ids.append((truth.labels[a][shown] == there_ids)[clear].mean())
    assert shares and min(shares) > 0.35, (scene.kind, shares)
    assert max(before) < 0.03 and min(same_ids) > 0.985, (before, same_ids)


def test_edges_fall_where_the_camera_says_to_a_twentieth_of_a_pixel() -> None:
    """A white and a black half of a plane: how much of a row is white says where the edge is."""
    camera = straight_down(2.0)
    edge = 0.137
    halves = [(plain(255), -9.0, edge), (plain(0), edge, 9.0)]
    for axis in (0, 1):
        parts = []
        for material, low, high in halves:
            corners = np.array([[[low, -9.0, 0], [high, -9, 0]], [[low, 9, 0], [high, 9, 0]]])
            turned = corners if axis == 0 else corners[..., [1, 0, 2]].swapaxes(0, 1)
            parts.append((patch(turned, material, smooth=False), 1))
        light = render.render(world_of(*parts), camera, np.random.default_rng(0))[..., 0]
        light = light if axis == 0 else light[::-1].T
        white, black = np.median(light[:, :8]), np.median(light[:, -8:])
        measured = np.mean(((light - black) / (white - black)).sum(axis=1))
        xy, _ = project(camera, np.array([edge, edge, 0.0]))
        expected = xy[0] if axis == 0 else camera.height - xy[1]
        assert white > 3 * black and measured == pytest.approx(expected, abs=0.05)


def plain(grey: int) -> Material:
    return Material(np.full((1, 1, 3), grey, np.uint8), gloss=0.0, roughness=1.0)


def test_nothing_stands_in_another_thing(made: tuple[SceneToPhotograph, Path]) -> None:
    scene, _ = made
    placed = [p for p in scene.placed if p.thing.family not in CARPETS]
    for k, one in enumerate(placed):
        for other in placed[:k]:
            assert not _collide(one, other), (one.thing.name, other.thing.name)


def _collide(one: Placed, other: Placed) -> bool:
    """Whether corners of one lie in the other's convex hull, deeper than a millimetre."""
    nested = other.object_id in one.touching and one.thing.family == other.thing.family
    low = np.maximum(one.thing.points.min(0) + one.position, other.thing.points.min(0) + other.position)
    high = np.minimum(one.thing.points.max(0) + one.position, other.thing.points.max(0) + other.position)
    if nested or np.any(high - low < 1e-3):
        return False
    hull = trimesh.Trimesh(other.thing.points + other.position, process=False).convex_hull
    outwards = np.asarray(hull.face_normals)
    reach = np.einsum("ij,ij->i", outwards, hull.triangles[:, 0])
    points = one.thing.points + one.position
    return bool(np.any(np.all(points @ outwards.T - reach < -1e-3, axis=1)))


@pytest.mark.parametrize("kind", ["twins", pytest.param("wide", marks=pytest.mark.slow)])
def test_the_same_seed_gives_the_same_bytes(kind: str, tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        write_capture(make_scene(kind, seed, photos=2, width=64, height=48), tmp_path / name)
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file())
    assert len(files) == 2 * 3 + 2
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file
    for other in (Path("images") / "000.jpg", Path("truth") / "instance" / "000.png"):
        assert (tmp_path / "a" / other).read_bytes() != (tmp_path / "c" / other).read_bytes(), other


def test_twins_are_alike_and_wide_photos_lie_far_apart() -> None:
    twins = make_scene("twins", 1002, photos=2, width=64, height=48)
    groups: dict[int, list[Placed]] = {}
    for placed in twins.placed:
        if placed.twin_group is not None:
            groups.setdefault(placed.twin_group, []).append(placed)
    alike = [group for group in groups.values() if len(group) > 1]
    assert len(alike) >= 3
    for group in alike:
        assert len({p.thing.name for p in group}) == 1
        assert len({len(p.thing.points) for p in group}) == 1
        assert np.ptp([p.thing.size[2] for p in group]) < 1e-9
    wide = make_scene("wide", 1002, photos=20, width=64, height=48)
    assert len(wide.cameras) >= 10
    middle = np.mean([p.position for p in wide.placed if p.position[2] > 0.6], axis=0)
    bearings = [np.arctan2(*(camera.center - middle)[[1, 0]]) for camera in wide.cameras]
    steps = np.rad2deg(np.abs((np.diff(bearings) + np.pi) % (2 * np.pi) - np.pi))
    assert 15 < np.median(steps) < 35 and len(wide.cameras) * np.median(steps) < 400


def test_there_are_enough_families_everywhere() -> None:
    assert len(FAMILIES) >= 60
    assert all(len(library.names_for(place)) >= 8 for place in ("table", "floor", "wall", "large"))


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_each_family_builds_a_plausible_thing(name: str) -> None:
    things = [library.build(name, np.random.default_rng([seed, 5])) for seed in (0, 1)]
    for thing in things:
        assert thing.family == name and thing.colour
        points = thing.points
        assert np.isfinite(points).all() and 12 <= sum(len(p.triangles) for p in thing.parts) < 40_000
        size = thing.size
        assert size.min() >= 0.0003 and 0.01 < size.max() < 2.2, size
        assert abs(points[:, 2].min()) < 1e-9
        assert np.abs(points[:, :2].max(0) + points[:, :2].min(0)).max() < 1e-9
        for part in thing.parts:
            assert part.uv.shape == (*part.triangles.shape[:2], 2) and np.isfinite(part.uv).all()
            assert part.material.texture.dtype == np.uint8 and part.material.texture.shape[2] == 3
        assert open_share(thing.parts) < 0.35, open_share(thing.parts)
    assert not np.array_equal(things[0].points, things[1].points) or name in SAME_FORM


SAME_FORM = {"calendar", "card", "doormat", "paper", "photo print"}
"""Things of one standard size."""


def open_share(parts: list[Part]) -> float:
    """Share of all edges, by length, that only one face has: 0 for a closed form, a third for a lone rectangle."""
    triangles = np.concatenate([p.triangles for p in parts])
    _, vertex = np.unique(np.round(triangles.reshape(-1, 3) * 1e6), axis=0, return_inverse=True)
    faces = vertex.reshape(-1, 3)
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    ends = triangles.reshape(-1, 3)
    lengths = np.linalg.norm(ends - ends.reshape(-1, 3, 3)[:, [1, 2, 0]].reshape(-1, 3), axis=1)
    lengths = lengths.reshape(-1, 3).T.reshape(-1)
    _, first, counts = np.unique(edges, axis=0, return_index=True, return_counts=True)
    return float(lengths[first][counts == 1].sum() / lengths[first].sum())


def test_primitives_are_closed_and_face_outwards() -> None:
    profile = [(0.0, 0.0), (0.1, 0.0), (0.1, 0.3), (0.0, 0.3)]
    for parts, volume in (
        ([lathe(profile, GREY, segments=180)], np.pi * 0.01 * 0.3),
        (box((0.2, 0.3, 0.4), GREY), 0.024),
        ([ball((0.1, 0.2, 0.3), GREY, segments=180)], 4 / 3 * np.pi * 0.006),
    ):
        triangles = np.concatenate([p.triangles for p in parts])
        assert open_share(parts) == 0
        signed = np.einsum("ij,ij->i", triangles[:, 0], np.cross(triangles[:, 1], triangles[:, 2])).sum() / 6
        assert signed == pytest.approx(volume, rel=2e-3)


def test_ear_clipping_covers_an_outline_with_a_notch() -> None:
    outline = np.array([[0, 0], [4, 0], [4, 3], [2, 1], [0, 3.0]])
    corners = outline[ear_clip(outline)]
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    areas = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2
    assert (areas >= 0).all() and areas.sum() == pytest.approx(8.0)


def test_without_embreex_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "embreex.rtcore_scene", None)
    with pytest.raises(InputError, match=r"embreex.*captures-training"):
        world_of(*((p, 1) for p in box((1, 1, 1), GREY)))


def test_the_command_makes_several_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "assets.make_training_captures", "--kind", "bare", "--seeds", "1-2"]
    command += ["--photos", "2", "--width", "48", "--height", "36", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.count(" photos") == 2 and (tmp_path / "bare-2" / "truth" / "objects.json").exists()
    (tmp_path / "bare-1" / "truth" / "objects.json").unlink()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "bare-1" in done.stdout and "bare-2" not in done.stdout
