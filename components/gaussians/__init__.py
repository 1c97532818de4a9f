"""Splat files in and out: `read_gaussians` and `write_gaussians` choose the format by name and content."""

from liftlab.components.gaussians.files import read_gaussians, write_gaussians

__all__ = ["read_gaussians", "write_gaussians"]
