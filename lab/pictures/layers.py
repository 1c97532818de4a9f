"""What lies behind a photo, drawn as the photo sees it: the splats rendered, depth, normals."""

from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from liftlab.components.geometry.projection import points_from_depth
from liftlab.components.geometry.shading import NOTHING, depth_colours, normal_colours, normals_of
from liftlab.components.masks.graph.scene_graph import view_depths
from liftlab.components.types import Array
from liftlab.engine.recent import Recent
from liftlab.pictures.overlays import photo_jpeg, picture_size

if TYPE_CHECKING:
    from liftlab.components.types import Scene

Layer = Literal["render", "depth", "normals"]
_rendered: Recent[tuple[np.ndarray, np.ndarray, np.ndarray]] = Recent(
    100, most_bytes=128 * 2**20, size_of=lambda arrays: sum(array.nbytes for array in arrays)
)
"""Shared by everybody: colour, depth and what is known of one view."""


def layers_of(scene: "Scene") -> list[Layer]:
    """Layers that can be drawn of a scene."""
    return ["render", "depth", "normals"] if scene.gaussians is not None else ["depth", "normals"]


def layer_jpeg(scene: "Scene", photo: str, layer: Layer, width: int, lookup: Int[Array, "h w"]) -> bytes:
    """A layer in the photo's frame, at most `width` across.

    Args:
        lookup: `photo_lookup` of the registered photo for this width.
    """
    index = scene.view_index(photo)
    view = scene.views[index]
    picture = picture_of(scene, index, layer)
    across, down = picture_size(view, width)
    out = picture.reshape(-1, 3)[np.maximum(lookup, 0)]
    out[lookup < 0] = NOTHING
    return photo_jpeg(out.reshape(down, across, 3), width)


def picture_of(scene: "Scene", index: int, layer: Layer) -> UInt8[Array, "H W 3"]:
    """A layer in view pixels."""
    key = (scene.key, scene.gaussians_key, index)
    colour, depth, known = _rendered.get(key, lambda: _render(scene, index))
    if layer == "render":
        return colour
    if layer == "depth":
        return depth_colours(depth, known)
    camera = scene.views[index].camera
    points = points_from_depth(camera, np.where(known, depth, np.nan))
    return normal_colours(normals_of(points, camera))


def _render(
    scene: "Scene", index: int
) -> tuple[UInt8[Array, "H W 3"], Float[Array, "H W"], Bool[Array, "H W"]]:
    """Colour, depth and where it is known: of the Gaussians, else of the reconstruction."""
    view = scene.views[index]
    if scene.gaussians is None:
        height, width = view.image.shape[:2]
        depth = view_depths(scene, filled=True)[index, :height, :width]
        return view.image, depth, depth > 0
    import torch

    from liftlab.components.rasterize import rasterize, tensors_from_gaussians

    with torch.no_grad():
        result = rasterize(tensors_from_gaussians(scene.gaussians), [view.camera])
    assert result.colour is not None
    colour = (result.colour[0].clamp(0, 1) * 255).round().numpy().astype(np.uint8)
    return colour, result.depth[0].numpy(), result.alpha[0].numpy() > 0.5
