"""Files for other programs: point clouds, masks, cameras, films. None of them carries photo metadata (EXIF, GPS)."""

from typing import TYPE_CHECKING

from liftlab.components import loaded_when_used

if TYPE_CHECKING:
    from liftlab.components.export.cameras import transforms_of, write_colmap, write_transforms
    from liftlab.components.export.cloud import PointCloud, cloud_of, write_glb, write_point_cloud_ply
    from liftlab.components.export.images import (
        NamedMasks,
        coco_of,
        write_coco,
        write_label_png,
        write_mask_png,
    )
    from liftlab.components.export.turntable import turntable_cameras, turntable_frames, write_gif, write_mp4

__all__ = [
    "NamedMasks", "PointCloud", "cloud_of", "coco_of", "transforms_of", "turntable_cameras", "turntable_frames",
    "write_coco", "write_colmap", "write_gif", "write_glb", "write_label_png", "write_mask_png", "write_mp4",
    "write_point_cloud_ply", "write_transforms",
]  # fmt: skip

__getattr__ = loaded_when_used(
    __name__,
    {
        **dict.fromkeys(("transforms_of", "write_colmap", "write_transforms"), "cameras"),
        **dict.fromkeys(("PointCloud", "cloud_of", "write_glb", "write_point_cloud_ply"), "cloud"),
        **dict.fromkeys(
            ("NamedMasks", "coco_of", "write_coco", "write_label_png", "write_mask_png"), "images"
        ),
        **dict.fromkeys(("turntable_cameras", "turntable_frames", "write_gif", "write_mp4"), "turntable"),
    },
)
