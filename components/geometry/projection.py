"""Projection, unprojection, lens mapping and similarity registration. Conventions: docs/conventions.md."""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8, UInt16

from liftlab.components.types import Array, Camera, Lens, View


def transform(target_from_source: Float[Array, "4 4"], points: Float[Array, "*N 3"]) -> Float[Array, "*N 3"]:
    """Apply a 4x4 transform to points."""
    return points @ target_from_source[:3, :3].T + target_from_source[:3, 3]


def project(
    camera: Camera, pts_world: Float[Array, "*N 3"]
) -> tuple[Float[Array, "*N 2"], Float[Array, "*N"]]:
    """Project world points.

    Returns:
        Continuous xy in view pixels, and depth along +Z in scene units. Where depth <= 0 the point is behind the camera
        and xy is NaN.
    """
    in_camera = transform(camera.world_to_camera, np.asarray(pts_world, dtype=np.float64))
    depth = in_camera[..., 2]
    safe = np.where(depth > 0, depth, np.nan)[..., None]
    xy = (in_camera[..., :2] / safe) * np.array([camera.K[0, 0], camera.K[1, 1]]) + camera.K[:2, 2]
    return xy, depth


def unproject(camera: Camera, xy: Float[Array, "*N 2"], depth: Float[Array, "*N"]) -> Float[Array, "*N 3"]:
    """World points of continuous view pixels `xy` at `depth` along +Z (docs/methods/wildseg3d.md eq. 2)."""
    focal = np.array([camera.K[0, 0], camera.K[1, 1]])
    rays = (np.asarray(xy, dtype=np.float64) - camera.K[:2, 2]) / focal
    in_camera = np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1) * np.asarray(depth)[..., None]
    return transform(camera.camera_to_world, in_camera)


def looking_at(
    eye: Float[Array, "3"], target: Float[Array, "3"], up: Float[Array, "3"]
) -> Float[Array, "4 4"]:
    """world_to_camera of a camera at `eye` that looks at `target`, its image upright with `up` (not along the
    direction of view)."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    out = np.eye(4)
    out[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    out[:3, 3] = -out[:3, :3] @ eye
    return out


def camera_centers(world_to_camera: Float[Array, "V 4 4"]) -> Float[Array, "V 3"]:
    """World position of every camera."""
    return -np.einsum("vji,vj->vi", world_to_camera[:, :3, :3], world_to_camera[:, :3, 3])


def epipolar_errors(
    rays_1: Float[Array, "M 2"], rays_2: Float[Array, "M 2"], second_from_first: Float[Array, "4 4"]
) -> Float[Array, "M"]:
    """Root of Sampson's error of matches: their distance from their epipolar lines, on the plane at depth 1.

    Args:
        rays_1: x / z and y / z in the first camera, without distortion.
        rays_2: Of the same details in the second.
        second_from_first: Motion between the cameras.

    Source: Hartley and Zisserman, Multiple View Geometry, 2nd ed., chapter 11 (Sampson error).
    """
    tx, ty, tz = second_from_first[:3, 3]
    E = np.array([[0, -tz, ty], [tz, 0, -tx], [-ty, tx, 0]]) @ second_from_first[:3, :3]
    first, second = (np.concatenate([rays, np.ones((len(rays), 1))], axis=1) for rays in (rays_1, rays_2))
    line_2, line_1 = first @ E.T, second @ E
    slope = (line_1[:, :2] ** 2).sum(axis=1) + (line_2[:, :2] ** 2).sum(axis=1)
    return np.abs((second * line_2).sum(axis=1)) / np.sqrt(np.maximum(slope, 1e-20))


def pixel_centers(width: int, height: int) -> Float[Array, "H W 2"]:
    """xy of every pixel centre (+0.5)."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return np.stack([x, y], axis=-1)


def points_from_depth(camera: Camera, depth: Float[Array, "H W"]) -> Float[Array, "H W 3"]:
    """World pointmap of a depth map; where depth is 0 the point is the camera centre and means nothing."""
    return unproject(camera, pixel_centers(camera.width, camera.height), depth).astype(np.float32)


def opencv_from_centered_intrinsics(K: Float[Array, "3 3"]) -> Float[Array, "3 3"]:
    """Intrinsics for code that counts pixel centres from 0 (OpenCV, DUSt3R) from ours (centres at +0.5)."""
    out = np.array(K, dtype=np.float64)
    out[:2, 2] -= 0.5
    return out


def centered_from_opencv_intrinsics(K: Float[Array, "3 3"]) -> Float[Array, "3 3"]:
    """Inverse of `opencv_from_centered_intrinsics`."""
    out = np.array(K, dtype=np.float64)
    out[:2, 2] += 0.5
    return out


def opencv_from_opengl_camera(camera_to_world: Float[Array, "4 4"]) -> Float[Array, "4 4"]:
    """Flip camera axes Y and Z: nerfstudio (OpenGL) camera_to_world to OpenCV and back (its own inverse)."""
    return camera_to_world @ np.diag([1.0, -1.0, -1.0, 1.0])


def scaled_intrinsics(K: Float[Array, "3 3"], scale_x: float, scale_y: float) -> Float[Array, "3 3"]:
    """Intrinsics after resizing the image; with centres at +0.5 everything scales."""
    return np.diag([scale_x, scale_y, 1.0]) @ K


def view_from_photo(view: View, xy_photo: Float[Array, "*N 2"]) -> Float[Array, "*N 2"]:
    """Photo pixels to view pixels: remove distortion, then the working camera's intrinsics."""
    xy = np.asarray(xy_photo, dtype=np.float64)
    lens = view.lens
    if lens.has_distortion:
        flat = np.ascontiguousarray(xy.reshape(-1, 1, 2))
        criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-9)
        rays = cv2.undistortPoints(flat, lens.K, lens.distortion, criteria=criteria).reshape(xy.shape)
    else:
        rays = (xy - lens.K[:2, 2]) / np.array([lens.K[0, 0], lens.K[1, 1]])
    K = view.camera.K
    return rays * np.array([K[0, 0], K[1, 1]]) + K[:2, 2]


def photo_from_view(view: View, xy_view: Float[Array, "*N 2"]) -> Float[Array, "*N 2"]:
    """View pixels to photo pixels: inverse of `view_from_photo`."""
    K = view.camera.K
    rays = (np.asarray(xy_view, dtype=np.float64) - K[:2, 2]) / np.array([K[0, 0], K[1, 1]])
    return distort(view.lens, rays)


def distort(lens: Lens, rays: Float[Array, "*N 2"]) -> Float[Array, "*N 2"]:
    """Photo pixels of camera rays (X/Z, Y/Z), with the lens's distortion."""
    k1, k2, p1, p2 = lens.distortion
    x, y = rays[..., 0], rays[..., 1]
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + k2 * r2)
    xd = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    yd = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    return np.stack([xd, yd], axis=-1) * np.array([lens.K[0, 0], lens.K[1, 1]]) + lens.K[:2, 2]


def undistort_photo(photo: UInt8[Array, "h w 3"], lens: Lens, camera: Camera) -> UInt8[Array, "H W 3"]:
    """Working image of `camera` from a photo; shrinks through an area filter so that fine texture does not alias."""
    K = camera.K
    scale = max(camera.width / lens.width, camera.height / lens.height)
    if not lens.has_distortion and np.allclose(
        K, scaled_intrinsics(lens.K, camera.width / lens.width, camera.height / lens.height)
    ):
        if (camera.width, camera.height) == (lens.width, lens.height):
            return photo
        return cv2.resize(photo, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    if scale < 0.8:
        photo = cv2.GaussianBlur(photo, (0, 0), 0.4 / scale)
    rays = (pixel_centers(camera.width, camera.height) - K[:2, 2]) / np.array([K[0, 0], K[1, 1]])
    xy = (distort(lens, rays) - 0.5).astype(np.float32)  # OpenCV counts centres from 0
    return cv2.remap(photo, xy[..., 0], xy[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def mask_in_photo(view: View, mask: Bool[Array, "H W"]) -> Bool[Array, "h w"]:
    """A view-pixel mask in photo pixels (nearest pixel); pixels of the photo that the view does not cover are False."""
    if _same_pixels(view):
        return mask
    rows, columns, inside = _view_pixel_of_photo(view)
    return mask[rows, columns] & inside


def labels_in_photo(view: View, labels: UInt16[Array, "H W"]) -> UInt16[Array, "h w"]:
    """A view-pixel label map in photo pixels (nearest pixel); 0 where the view does not cover the photo."""
    if _same_pixels(view):
        return labels
    rows, columns, inside = _view_pixel_of_photo(view)
    return np.where(inside, labels[rows, columns], np.uint16(0))


def _same_pixels(view: View) -> bool:
    lens, camera = view.lens, view.camera
    same_size = (lens.width, lens.height) == (camera.width, camera.height)
    return same_size and not lens.has_distortion and np.allclose(lens.K, camera.K)


_GRID_PX = 4
"""Undistortion is smooth: between nodes this far apart, linear interpolation is right to about 0.02 pixels."""


def view_from_picture(view: View, width: int, height: int) -> Float[Array, "h w 2"]:
    """View pixels of every pixel centre of the photo drawn at width x height.

    Of a distorted photo solved on a coarse grid and interpolated: many times faster than pixel by pixel.
    """
    scale = np.array([view.lens.width / width, view.lens.height / height])
    if not view.lens.has_distortion:
        return view_from_photo(view, pixel_centers(width, height) * scale)
    nodes_x, nodes_y = (np.arange(0, side + _GRID_PX, _GRID_PX) + 0.5 for side in (width, height))
    nodes = view_from_photo(view, np.stack(np.meshgrid(nodes_x, nodes_y), axis=-1) * scale).astype(np.float32)
    row, along_y = np.divmod(np.arange(height), _GRID_PX)
    column, along_x = np.divmod(np.arange(width), _GRID_PX)
    along_y = (along_y / _GRID_PX).astype(np.float32)[:, None, None]
    along_x = (along_x / _GRID_PX).astype(np.float32)[None, :, None]
    rows = nodes[row] + along_y * (nodes[row + 1] - nodes[row])
    return rows[:, column] + along_x * (rows[:, column + 1] - rows[:, column])


def _view_pixel_of_photo(view: View) -> tuple[Int[Array, "_ _"], Int[Array, "_ _"], Bool[Array, "h w"]]:
    """Row and column in the view of every photo pixel (they broadcast), and whether the view covers it."""
    lens, camera = view.lens, view.camera
    if lens.has_distortion:
        xy = view_from_picture(view, lens.width, lens.height)
        x, y = np.floor(xy[..., 0]), np.floor(xy[..., 1])
    else:  # separable: one row and one column are enough
        along_x = np.stack([np.arange(lens.width) + 0.5, np.full(lens.width, 0.5)], axis=1)
        along_y = np.stack([np.full(lens.height, 0.5), np.arange(lens.height) + 0.5], axis=1)
        x = np.floor(view_from_photo(view, along_x)[:, 0])[None, :]
        y = np.floor(view_from_photo(view, along_y)[:, 1])[:, None]
    inside = (x >= 0) & (x < camera.width) & (y >= 0) & (y < camera.height)
    columns = np.clip(x, 0, camera.width - 1).astype(np.intp)
    rows = np.clip(y, 0, camera.height - 1).astype(np.intp)
    return rows, columns, inside


def register_similarity(
    source: Float[Array, "N 3"], target: Float[Array, "N 3"], weights: Float[Array, "N"] | None = None
) -> tuple[float, Float[Array, "3 3"], Float[Array, "3"]]:
    """Weighted Procrustes: scale, rotation and translation with target = scale * R @ source + t.

    Source: Umeyama, PAMI 1991. Raises ValueError with fewer than 3 points of positive weight.
    """
    w = np.ones(len(source)) if weights is None else np.asarray(weights, dtype=np.float64)
    if np.count_nonzero(w > 0) < 3:
        raise ValueError(f"weights must be positive for at least 3 points; got {np.count_nonzero(w > 0)}.")
    w = w / w.sum()
    source, target = np.asarray(source, dtype=np.float64), np.asarray(target, dtype=np.float64)
    mean_source, mean_target = w @ source, w @ target
    a, b = source - mean_source, target - mean_target
    U, S, Vt = np.linalg.svd((b * w[:, None]).T @ a)
    sign = np.ones(3)
    sign[2] = np.sign(np.linalg.det(U @ Vt))
    R = (U * sign) @ Vt
    scale = float((S * sign).sum() / max((w * (a * a).sum(axis=1)).sum(), 1e-300))
    return scale, R, mean_target - scale * R @ mean_source
