"""Refine a depth map with slanted windows that follow object borders, and with the depth maps of other views.

Pure functions over images and cameras: no global state, any thread.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from liftlab.components.geometry.projection import opencv_from_centered_intrinsics
from liftlab.components.pointmaps.stereo.patch_kernels import Sources, Terms, Window, update_fields
from liftlab.components.pointmaps.stereo.planesweep import DepthMap, packed_quads, stacked
from liftlab.components.pointmaps.threads import in_blocks
from liftlab.components.types import Array, Camera


@dataclass(frozen=True)
class RefineOptions:
    """Matching window, smoothness and effort."""

    radius: int = 4
    """Of the window, pixels."""
    stride: int = 2
    """Every how many pixels the window is sampled."""
    colour_sigma: float = 36.0
    """Sum of absolute RGB differences at which a sample's weight has fallen to 1/e."""
    space_sigma: float = 4.0
    """Distance in pixels at which it has fallen to 1/e."""
    noise: float = 2.0
    """Standard deviation of grey values (0 to 255) below which texture is taken for noise."""
    smooth: float = 0.12
    """Weight of smoothness against 1 - ZNCC."""
    contrast: float = 0.08
    """How fast smoothness stops counting with the difference of grey values."""
    geometric: float = 0.25
    """Weight of the round trip through other views' depth maps."""
    shift_limit_px: float = 3.0
    """Round trips longer than this are all equally wrong."""
    passes: int = 2
    only_best_sources: bool = False
    """Compare a pixel's new planes only in the two sources that matched its old one: for starts that are
    nearly right."""


@dataclass(frozen=True)
class SlantedDepth:
    """A plane per pixel: inverse depth and its slope, and how well it matches."""

    planes: Float[Array, "H W 3"]
    """Inverse depth (1 / scene unit), its change per pixel to the right and down; float32."""
    cost: Float[Array, "H W"]
    """1 - weighted ZNCC of the best sources (plus the round-trip term), float32."""
    low: float
    """Least inverse depth allowed."""
    high: float
    spacing: float
    """Inverse depth between two planes of the sweep it came from."""

    @property
    def depth(self) -> Float[Array, "H W"]:
        """Along +Z, scene units, float32."""
        return 1 / self.planes[..., 0]


def slanted_from_sweep(found: DepthMap, depth_range: tuple[float, float], num_planes: int) -> SlantedDepth:
    """Starting planes for `refine_depth`: holes take the median, slopes come from the filtered inverse
    depth."""
    near, far = depth_range
    low, high = 1 / far, 1 / near
    known = found.depth > 0
    inverse = np.full(found.depth.shape, (low + high) / 2, np.float32)
    inverse[known] = 1 / found.depth[known]
    calm = cv2.medianBlur(inverse, 5)
    spacing = (high - low) / (num_planes - 1)
    slope_x = cv2.Sobel(calm, cv2.CV_32F, 1, 0, ksize=5, scale=1 / 128)
    slope_y = cv2.Sobel(calm, cv2.CV_32F, 0, 1, ksize=5, scale=1 / 128)
    steep = np.maximum(np.abs(slope_x), np.abs(slope_y)) > 0.5 * spacing
    planes = np.stack([inverse, np.where(steep, 0, slope_x), np.where(steep, 0, slope_y)], axis=-1)
    return SlantedDepth(planes.astype(np.float32), 1 - found.similarity, low, high, spacing)


def enlarged(found: SlantedDepth, width: int, height: int) -> SlantedDepth:
    """The planes for a larger image of the same view: each pixel takes the plane of the pixel it came
    from."""
    rows, columns = found.cost.shape
    scale_x, scale_y = columns / width, rows / height
    x, y = (np.arange(width) + 0.5) * scale_x - 0.5, (np.arange(height) + 0.5) * scale_y - 0.5
    near_x = np.clip(np.floor(x + 0.5), 0, columns - 1).astype(np.intp)
    near_y = np.clip(np.floor(y + 0.5), 0, rows - 1).astype(np.intp)
    planes = found.planes[near_y[:, None], near_x[None]].copy()
    planes[..., 0] += planes[..., 1] * (x - near_x)[None] + planes[..., 2] * (y - near_y)[:, None]
    planes[..., 0] = np.clip(planes[..., 0], found.low, found.high)
    planes[..., 1] *= scale_x
    planes[..., 2] *= scale_y
    cost = found.cost[near_y[:, None], near_x[None]]
    return SlantedDepth(planes.astype(np.float32), cost, found.low, found.high, found.spacing)


def refine_depth(
    start: SlantedDepth,
    image: UInt8[Array, "H W 3"],
    camera: Camera,
    source_images: Sequence[UInt8[Array, "_ _ 3"]],
    source_cameras: Sequence[Camera],
    options: RefineOptions | None = None,
    *,
    source_depths: Sequence[Float[Array, "_ _"]] | None = None,
    seed: int = 0,
) -> SlantedDepth:
    """Improve every pixel's plane by trying its neighbours' planes and small random changes.

    A plane's cost is the mean over the two best sources of 1 - ZNCC with bilateral weights, so that a
    window follows the object it lies on; plus, with `source_depths`, how far a round trip through the
    source's depth map ends from the pixel; plus how far the plane is from its neighbours'.

    Source: Bleyer et al., BMVC 2011 (slanted windows); Galliani et al., ICCV 2015 (chessboard); Xu and Tao,
        CVPR 2019
        (round trip as a cost). We differ: the smoothness term, and starting from a plane sweep.
    """
    options = options or RefineOptions()
    sources = _sources(camera, source_images, source_cameras, source_depths)
    window = _window(options)
    terms = Terms(
        floor=np.float32(options.noise**2),
        top_k=2 if len(source_images) > 2 else 1,
        geometric=np.float32(0 if source_depths is None else options.geometric),
        shift_limit=np.float32(options.shift_limit_px),
        smooth=np.float32(options.smooth),
        scale=np.float32(1 / start.spacing),
        contrast=np.float32(options.contrast),
    )
    limits = (np.float32(start.low), np.float32(start.high))
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) - np.float32(128)
    planes, costs = start.planes.copy(), start.cost.copy()
    picks = np.zeros((*costs.shape, 2), np.uint8)
    for turn in range(options.passes):
        spread = np.float32(start.spacing * 0.5**turn)
        for parity in (0, 1):

            def work(
                first: int, last: int, turn: int = turn, parity: int = parity, spread: Any = spread
            ) -> None:
                update_fields(
                    planes, costs, picks, image, grey, sources, window, terms, limits, spread, seed * 64 + turn,
                    parity, turn == 0, options.only_best_sources, first, last,
                )  # fmt: skip

            in_blocks(work, camera.height, 16)
    return SlantedDepth(planes, costs, start.low, start.high, start.spacing)


def _sources(
    camera: Camera,
    images: Sequence[UInt8[Array, "_ _ 3"]],
    cameras: Sequence[Camera],
    depths: Sequence[Float[Array, "_ _"]] | None,
) -> Sources:
    packed = [packed_quads(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)).reshape(-1) for image in images]
    longest = max(quads.size for quads in packed)
    forth = [_transfer(camera, source) for source in cameras]
    back = [_transfer(source, camera) for source in cameras]
    if depths is None:
        depths = [np.zeros((1, 1), np.float32) for _ in images]
    return Sources(
        A=np.stack([a for a, _ in forth]),
        t=np.stack([b for _, b in forth]),
        back_A=np.stack([a for a, _ in back]),
        back_t=np.stack([b for _, b in back]),
        quads=np.stack([np.pad(quads, (0, longest - quads.size)) for quads in packed]),
        sizes=np.array([[source.width, source.height] for source in cameras], np.int32),
        depths=stacked(depths),
    )


def _transfer(camera: Camera, source: Camera) -> tuple[Float[Array, "3 3"], Float[Array, "3"]]:
    """A and t, float32: pixel p = (x, y, 1) at inverse depth w lands on source pixel A p + t w (counted
    from 0)."""
    source_from_reference = source.world_to_camera @ camera.camera_to_world
    K = opencv_from_centered_intrinsics(source.K)
    A = K @ source_from_reference[:3, :3] @ np.linalg.inv(opencv_from_centered_intrinsics(camera.K))
    return A.astype(np.float32), (K @ source_from_reference[:3, 3]).astype(np.float32)


def _window(options: RefineOptions) -> Window:
    """Sample offsets and their weight by colour distance."""
    side = np.arange(-options.radius, options.radius + 1, options.stride)
    offsets_x, offsets_y = (grid.reshape(-1).astype(np.float32) for grid in np.meshgrid(side, side))
    distance = np.hypot(offsets_x, offsets_y)
    table = np.exp(-distance[:, None] / options.space_sigma - np.arange(766)[None] / options.colour_sigma)
    return Window(offsets_x, offsets_y, table.astype(np.float32))
