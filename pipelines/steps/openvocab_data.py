"""Captures to training records: who gives the points, who gives masks and names, is chosen by name."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from liftlab.components.errors import InputError
from liftlab.components.geometry.projection import points_from_depth, project, transform
from liftlab.components.openvocab.augmentation import STUFF
from liftlab.components.openvocab.cloud import cloud_of
from liftlab.components.openvocab.records import SceneRecord, save_record
from liftlab.components.pointmaps.stereo.multiview import MultiviewOptions, multiview_pointmap
from liftlab.components.progress import CancelToken, Progress, no_progress, part_of
from liftlab.components.types import Array, Camera, Lens, Pointmap, Scene, View

STEP_VERSION = 1
STRUCTURE_ID = 201
"""Instance ids of truth from here up are floor, table and walls: no things."""
SPOILT_NOISE, SPOILT_PX, SPOILT_KEEP = (0.001, 0.004), 2, (0.5, 0.95)
"""Of true depth: least and largest relative noise, most pixels by which things grow, least and largest share kept.
As for the judge of candidates (docs/judge.md), fitted to what our stereo does."""
SPARSE_POINTS = 3000
"""True points that stand in for those of structure from motion, which bound the depths that stereo tries."""
Reconstructor = Literal["truth", "spoilt", "stereo", "alternate"]


@dataclass(frozen=True)
class DataConfig:
    """How captures become records."""

    reconstructor: Reconstructor = "spoilt"
    """Who gives the points: the capture's true depth, the same spoilt as stereo spoils it, or our own stereo (some 40
    CPU seconds a capture). "alternate" mixes the last two, as the paper mixes reconstructors."""
    stereo_every: int = 6
    """With "alternate": one capture in so many is reconstructed by stereo."""
    num_points: int = 12_000
    """Points of a scene."""


@dataclass(frozen=True)
class Truth:
    """What a capture with truth says."""

    cameras: tuple[Camera, ...]
    depths: Float32[Array, "V H W"]
    maps: UInt8[Array, "V H W"]
    """Instance ids, `STUFF` where there is no thing."""
    names: dict[int, str]
    """Id to category."""
    photos: tuple[Path, ...]


def read_truth(capture: Path) -> Truth:
    """The truth of a capture of `assets/make_training_captures.py` or of a bundled one.

    Raises:
        InputError: There is none, or it is not complete.
    """
    root = capture / "truth"
    try:
        frames = json.loads((root / "cameras.json").read_text(encoding="utf-8"))["frames"]
        listed = json.loads((root / "objects.json").read_text(encoding="utf-8"))["objects"]
        stems = [Path(frame["image"]).stem for frame in frames]
        depths = [np.load(root / "depth" / f"{stem}.npz")["depth"].astype(np.float32) for stem in stems]
        maps = [np.array(Image.open(root / "instance" / f"{stem}.png"), np.int32) for stem in stems]
    except (OSError, KeyError) as error:
        raise InputError(f"This capture has no complete truth ({error}): {capture}") from error
    cameras = tuple(
        Camera(
            np.array(f["K"], float), np.array(f["world_to_camera"], float), int(f["width"]), int(f["height"])
        )
        for f in frames
    )
    ids = np.stack(maps)
    return Truth(
        cameras,
        np.stack(depths),
        np.where((ids == 0) | (ids >= STRUCTURE_ID), STUFF, ids).astype(np.uint8),
        {int(entry["id"]): str(entry["category"]) for entry in listed},
        tuple(capture / "images" / frame["image"] for frame in frames),
    )


def scene_of_truth(truth: Truth, name: str, *, spoilt: bool, max_side: int = 640) -> Scene:
    """A scene with true cameras and true depth, perhaps spoilt by an amount that follows from its name."""
    rng = np.random.default_rng(list(name.encode()))
    noise, grow, keep = 0.0, 0, 1.0
    if spoilt:
        noise = float(rng.uniform(*SPOILT_NOISE))
        grow = int(rng.integers(0, SPOILT_PX + 1))
        keep = float(rng.uniform(*SPOILT_KEEP))
    views, points, valids = [], [], []
    for camera, depth, photo in zip(truth.cameras, truth.depths, truth.photos, strict=True):
        factor = min(1.0, max_side / max(camera.width, camera.height))
        small = _smaller(camera, factor)
        picture = cv2.imread(str(photo), cv2.IMREAD_COLOR)
        if picture is None:
            raise InputError(f"This photo cannot be read: {photo}")
        size = small.width, small.height
        image = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)[..., ::-1]
        own, valid = _spoil(cv2.resize(depth, size, interpolation=cv2.INTER_NEAREST), noise, grow, keep, rng)
        lens = Lens(camera.width, camera.height, camera.K)
        views.append(View(photo.name, small, np.ascontiguousarray(image), lens))
        points.append(points_from_depth(small, own).astype(np.float32))
        valids.append(valid)
    valid = np.stack(valids)
    return Scene(
        views=tuple(views),
        pointmap=Pointmap(np.stack(points), np.full(valid.shape, 3.0, np.float32), valid),
        key=f"truth-{name}",
        units="metres",
        up=np.array([0.0, 0.0, 1.0]),
    )


def scene_by_stereo(
    truth: Truth, name: str, *, progress: Progress = no_progress, cancel: CancelToken | None = None
) -> Scene:
    """A scene with true cameras and the points of our own stereo."""
    true = scene_of_truth(truth, name, spoilt=False)
    rng = np.random.default_rng(0)
    points = true.pointmap.points
    chosen = points[rng.choice(len(points), min(SPARSE_POINTS, len(points)), replace=False)].astype(
        np.float64
    )
    pointmap = multiview_pointmap(
        [view.image for view in true.views],
        [view.camera for view in true.views],
        chosen,
        np.stack([_seen(true, index, chosen) for index in range(len(true.views))]),
        MultiviewOptions(num_sources=3, num_planes=64),
        progress=progress,
        cancel=cancel or CancelToken(),
    )
    return replace(true, pointmap=pointmap, key=f"stereo-{name}")


def record_of(
    scene: Scene,
    maps: Sequence[UInt8[Array, "_ _"]],
    names: Sequence[dict[int, str]],
    config: DataConfig,
    *,
    name: str,
    reconstructor: str,
    truth: tuple[Sequence[UInt8[Array, "_ _"]], dict[int, str]] | None = None,
) -> SceneRecord:
    """The record of any reconstructed scene with masks.

    Args:
        scene: Of any reconstructor.
        maps: Id map of every view, view pixels: 0 = unknown, `STUFF` = no thing; from any proposer.
        names: Per view, what its ids are called.
        config: How many points.
        name: Of the record.
        reconstructor: Who made the points.
        truth: Id maps whose ids hold over all views, with names; gives every point the instance of its own pixel.
    """
    cloud = cloud_of(scene, config.num_points)
    own = np.zeros(len(cloud.points), np.int32)
    if truth is not None:
        view, row, column = scene.pointmap.point_index[cloud.index].T
        stacked = np.stack(truth[0])
        own = stacked[view, row, column].astype(np.int32)
        own[own == STUFF] = 0
    return SceneRecord(
        name, cloud.points, cloud.rgb, cloud.normals, cloud.spacing, cloud.neighbours, cloud.links,
        np.stack(maps), tuple(names), cloud.images, own, truth[1] if truth is not None else {}, reconstructor,
    )  # fmt: skip


def make_records(
    captures: Path,
    out: Path,
    config: DataConfig,
    *,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """A record of every capture with truth in a folder; those that are there are left alone.

    Raises:
        InputError: There is no such capture.
        Cancelled: `cancel` was set.
    """
    cancel = cancel or CancelToken()
    found = sorted(path for path in captures.iterdir() if (path / "truth/objects.json").is_file())
    if not found:
        raise InputError(f"There is no capture with truth in this folder: {captures}")
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for done, capture in enumerate(found):
        cancel.check()
        file = out / f"{capture.name}.npz"
        files.append(file)
        if file.exists():
            continue
        progress(done / len(found), f"Making the record of {capture.name}")
        who = config.reconstructor
        if who == "alternate":
            who = "stereo" if done % config.stereo_every == 0 else "spoilt"
        truth = read_truth(capture)
        share = part_of(progress, done / len(found), (done + 1) / len(found))
        try:
            if who == "stereo":
                scene = scene_by_stereo(truth, capture.name, progress=share, cancel=cancel)
            else:
                scene = scene_of_truth(truth, capture.name, spoilt=who == "spoilt")
        except InputError as error:
            say(f"{capture.name} is left out. {error}")
            continue
        maps = [_map_for(own, view) for own, view in zip(truth.maps, scene.views, strict=True)]
        names = [truth.names] * len(maps)
        record = record_of(
            scene, maps, names, config, name=capture.name, reconstructor=who, truth=(maps, truth.names)
        )
        save_record(record, file)
        say(f"{capture.name}: {len(record.points)} points, {len(truth.names)} things, by {who}")
    progress(1.0, "Records made")
    return [file for file in files if file.exists()]


def _map_for(ids: UInt8[Array, "_ _"], view: View) -> UInt8[Array, "_ _"]:
    size = view.camera.width, view.camera.height
    return cv2.resize(ids, size, interpolation=cv2.INTER_NEAREST)


def _smaller(camera: Camera, factor: float) -> Camera:
    width, height = round(camera.width * factor), round(camera.height * factor)
    K = np.diag([width / camera.width, height / camera.height, 1.0]) @ camera.K
    return Camera(K, camera.world_to_camera, width, height)


def _spoil(
    depth: Float32[Array, "H W"], noise: float, grow_px: int, keep: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Noise, things that grow over what is behind them, lost patches: depth and whether it is valid."""
    valid = depth > 0
    if grow_px:
        far = np.where(valid, depth, np.float32(1e6)).astype(np.float32)
        depth = cv2.erode(far, np.ones((2 * grow_px + 1,) * 2, np.uint8))
        depth[depth > 1e5] = 0
    if noise:
        field = cv2.GaussianBlur(rng.normal(size=depth.shape), (0, 0), 1.5)
        depth = depth * (1 + noise * field / field.std())
    if keep < 1:
        field = cv2.GaussianBlur(rng.normal(size=depth.shape), (0, 0), 4)
        valid = valid & (field < np.quantile(field, keep))
    return depth.astype(np.float32), valid & (depth > 0)


def _seen(scene: Scene, index: int, points: Array) -> Array:
    """Which points a view sees, by its own depth: bool [N]."""
    camera = scene.views[index].camera
    xy, depth = project(camera, points)
    xy = np.nan_to_num(xy, nan=-1.0, posinf=-1.0, neginf=-1.0)
    inside = (depth > 0) & ((xy >= 0) & (xy < [camera.width, camera.height])).all(axis=1)
    own = transform(camera.world_to_camera, scene.pointmap.pts3d[index])[..., 2]
    column = np.clip(xy[:, 0], 0, camera.width - 1).astype(int)
    row = np.clip(xy[:, 1], 0, camera.height - 1).astype(int)
    return inside & (np.abs(own[row, column] - depth) < 0.02 * depth)
