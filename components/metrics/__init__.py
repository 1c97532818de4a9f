"""Scores against truth. All are fractions in [0, 1] unless they say otherwise.

By topic: masks of one object (`masks`), scene-wide label maps (`label_maps`), panoptic quality (`panoptic`), instance
AP (`instances`), images (`images`), text relevancy (`text`) and what the lab measures of itself (`diagnostics`).
"""

from liftlab.components.metrics.diagnostics import (
    Latency,
    collision_rate,
    fragmentation,
    gaussian_iou,
    labels_of_gaussians,
    latency,
    view_consistency,
)
from liftlab.components.metrics.images import image_psnr, image_ssim, mean_psnr
from liftlab.components.metrics.instances import (
    InstanceAp,
    InstanceScene,
    average_precision,
    frequency_groups,
    instances_from_labels,
    mean_of_group,
)
from liftlab.components.metrics.label_maps import ClassIou, SceneMatch, class_iou, match_scene_labels
from liftlab.components.metrics.masks import (
    accuracy,
    boundary,
    boundary_iou,
    iou,
    mean_over_prompts,
    mean_view_iou,
    pooled_iou,
)
from liftlab.components.metrics.panoptic import (
    ClassQuality,
    PanopticScore,
    class_agnostic_panoptic_quality,
    classed_panoptic_quality,
    one_class_each,
    panoptic_quality,
)
from liftlab.components.metrics.text import (
    CANONICAL_PHRASES,
    localisation_accuracy,
    open_vocabulary_iou,
    relevancy,
)

__all__ = [
    "CANONICAL_PHRASES",
    "ClassIou",
    "ClassQuality",
    "InstanceAp",
    "InstanceScene",
    "Latency",
    "PanopticScore",
    "SceneMatch",
    "accuracy",
    "average_precision",
    "boundary",
    "boundary_iou",
    "class_agnostic_panoptic_quality",
    "class_iou",
    "classed_panoptic_quality",
    "collision_rate",
    "fragmentation",
    "frequency_groups",
    "gaussian_iou",
    "image_psnr",
    "image_ssim",
    "instances_from_labels",
    "iou",
    "labels_of_gaussians",
    "latency",
    "localisation_accuracy",
    "match_scene_labels",
    "mean_of_group",
    "mean_over_prompts",
    "mean_psnr",
    "mean_view_iou",
    "one_class_each",
    "open_vocabulary_iou",
    "panoptic_quality",
    "pooled_iou",
    "relevancy",
    "view_consistency",
]
