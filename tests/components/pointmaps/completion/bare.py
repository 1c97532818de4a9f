"""Photos of a slanted board with a printed rim, a bare middle and a few printed spots in it, with exact depth."""

from dataclasses import dataclass

import cv2
import numpy as np

from liftlab.components.types import Array, Camera, Plane, Pointmap

WIDTH, HEIGHT = 320, 240
NORMAL = np.array([0.0, -0.6, -0.8])
"""Of the board, world frame, towards the cameras."""
OFFSET = -1.6  # through (0, 0, 2)
BOARD = Plane(NORMAL, OFFSET, 0.5)
RIM = 0.62
"""Half the side of the bare square; the board's is 1.1."""


@dataclass(frozen=True)
class Bare:
    """What stereo would have of the board."""

    images: list[Array]
    cameras: list[Camera]
    depths: Array
    """[V, H, W] true."""
    bare: Array
    """[V, H, W] pixels of the middle without spots."""
    pointmap: Pointmap
    """Measured on the rim and the spots alone."""


def bare_board(gains: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0), scale: float = 1.0) -> Bare:
    """Four photos side by side; photo v is exposed by `gains[v]`. Lengths are in units of 1 / scale."""
    rng = np.random.default_rng(5)
    noise = cv2.resize(rng.normal(0, 40, (80, 80, 1)).astype(np.float32), (560, 560))
    spots = cv2.resize(
        (rng.random((40, 40)) < 0.12).astype(np.float32), (560, 560), interpolation=cv2.INTER_NEAREST
    )
    K = np.array([[300.0, 0, WIDTH / 2], [0, 300.0, HEIGHT / 2], [0, 0, 1]])
    images, cameras, depths, bare, points = [], [], [], [], []
    x, y = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    rays = np.stack([(x - K[0, 2]) / K[0, 0], (y - K[1, 2]) / K[1, 1], np.ones_like(x)], axis=-1)
    along = np.array([1.0, 0, 0]), np.cross(NORMAL, [1.0, 0, 0])
    for view, shift in enumerate((-0.6, -0.2, 0.2, 0.6)):
        pose = np.eye(4)
        pose[0, 3] = -shift
        center = np.array([shift, 0, 0])
        depth = (OFFSET - NORMAL @ center) / (rays @ NORMAL)
        world = center + rays * depth[..., None]
        u, v = ((world - [0, 0, 2]) @ axis for axis in along)
        at = [((w + 1.1) / 2.2 * 560 - 0.5).astype(np.float32) for w in (u, v)]
        printed, spot = (
            cv2.remap(one, at[0], at[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
            for one in (noise, spots)
        )
        middle = (np.maximum(np.abs(u), np.abs(v)) < RIM) & (spot < 0.5)
        image = np.array([150.0, 120, 90]) + np.where(middle, 0, printed)[..., None]
        image = image * gains[view] + rng.normal(0, 3, image.shape)
        images.append(np.clip(image, 0, 255).astype(np.uint8))
        pose[0, 3] *= scale
        cameras.append(Camera(K, pose, WIDTH, HEIGHT))
        depths.append(depth * scale)
        bare.append(middle)
        points.append(world * scale)
    known = ~np.stack(bare)
    conf = np.where(known, 5.0, 1.0).astype(np.float32)
    pointmap = Pointmap(np.stack(points).astype(np.float32), conf, known)
    return Bare(images, cameras, np.stack(depths), np.stack(bare), pointmap)
