"""The rules of the image that every back end follows. Source: gsplat 1.5 (Ye et al., arXiv:2409.06765),
CUDA kernels."""

ALPHA_MIN = 1.0 / 255.0
"""A Gaussian that blends less than this into a pixel is skipped there."""
ALPHA_MAX = 0.999
"""Alpha is cut here, so that no Gaussian is opaque and every one behind keeps a gradient."""
TRANSMITTANCE_MIN = 1e-4
"""A Gaussian that would leave this or less of the light is dropped together with all behind it."""
BLUR = 0.3
"""Added to both variances of a projected Gaussian, square pixels: none is narrower than a pixel."""
NEAR = 0.01
"""Gaussians whose centre is nearer than this along +Z are not drawn, scene units."""
FRUSTUM_MARGIN = 0.3
"""The Jacobian of the projection is taken at most this share of the half width outside the image."""
