"""Splats that a method trained itself: looking through them, answering for the scene's, and keeping them on disk."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from scipy.spatial import KDTree
from torch import Tensor

from liftlab.components.types import Gaussians, Scene
from liftlab.pipelines.methods.shared.gaussian_answers import GaussianViews, gaussian_views

FIELDS = ("means", "quats", "scales", "opacities", "sh")
"""Of `liftlab.components.types.Gaussians`."""


def own_views(scene: Scene, own: Gaussians, device: torch.device, *, same_order: bool) -> GaussianViews:
    """The views of a scene as a method's own splats are seen by them.

    Args:
        scene: With the splats that people look at.
        own: The method's.
        device: Of all tensors.
        same_order: They are the scene's, moved. Otherwise each of the scene's is answered by the nearest of these.
    """
    assert scene.gaussians is not None, "checked by the method"
    nearest = None
    if not same_order:
        found = KDTree(own.means.astype(np.float64)).query(scene.gaussians.means.astype(np.float64))[1]
        nearest = np.asarray(found, np.int64)
    return GaussianViews(replace(scene, gaussians=own), device, stands_for=nearest)


def splat_tensors(views: GaussianViews) -> dict[str, Tensor]:
    """What `save_state` writes of a method's own splats."""
    tensors = {name: getattr(views.gaussians, name) for name in FIELDS}
    return {f"gaussians.{name}": tensor for name, tensor in tensors.items()}


def views_of_tensors(
    scene: Scene, tensors: Mapping[str, Tensor], device: torch.device, *, same_order: bool
) -> GaussianViews:
    """Inverse of `splat_tensors`; the scene's own views where no splats were written."""
    if f"gaussians.{FIELDS[0]}" not in tensors:
        return gaussian_views(scene, device)
    fields = {name: tensors[f"gaussians.{name}"].cpu().numpy() for name in FIELDS}
    return own_views(scene, Gaussians(**fields), device, same_order=same_order)
