"""Scores against truth. All are fractions in [0, 1] unless they say otherwise.

Public: masks of one object (`masks`), scene-wide label maps (`label_maps`), panoptic quality (`panoptic`), instance
AP (`instances`), images (`images`), text relevancy (`text`) and what the lab measures of itself (`diagnostics`).
"""

from components.metrics.label_maps import ClassIou, SceneMatch, class_iou, match_scene_labels
from components.metrics.masks import (
    accuracy,
    boundary,
    boundary_iou,
    iou,
    mean_over_prompts,
    mean_view_iou,
    pooled_iou,
)
from components.metrics.panoptic import (
    ClassQuality,
    PanopticScore,
    class_agnostic_panoptic_quality,
    panoptic_quality,
)

__all__ = [
    "ClassIou",
    "ClassQuality",
    "PanopticScore",
    "SceneMatch",
    "accuracy",
    "boundary",
    "boundary_iou",
    "class_agnostic_panoptic_quality",
    "class_iou",
    "iou",
    "match_scene_labels",
    "mean_over_prompts",
    "mean_view_iou",
    "panoptic_quality",
    "pooled_iou",
]
