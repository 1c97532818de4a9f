"""Gaussians as tensors that can carry gradients, and what rendering them returns."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from liftlab.components.types import Gaussians

Backend = Literal["cpu", "gsplat", "reference"]


@dataclass(frozen=True)
class GaussianTensors:
    """`liftlab.components.types.Gaussians` in torch: natural form (linear scales, opacities in [0, 1]), one device
    and dtype.

    It owns no optimiser state: logs and logits are the trainer's, which activates them into a
    `GaussianTensors` per step.
    """

    means: Float[Tensor, "N 3"]
    """World frame."""
    quats: Float[Tensor, "N 4"]
    """wxyz; any length, normalised where they are used."""
    scales: Float[Tensor, "N 3"]
    """Linear standard deviations, scene units."""
    opacities: Float[Tensor, "N"]
    sh: Float[Tensor, "N S 3"] | None
    """Spherical-harmonic colour coefficients, S = (degree + 1) ** 2, degree 0 to 3; None renders no
    colour."""

    def __len__(self) -> int:
        return self.means.shape[0]

    @property
    def device(self) -> torch.device:
        return self.means.device

    @property
    def dtype(self) -> torch.dtype:
        return self.means.dtype


@dataclass(frozen=True)
class RenderResult:
    """What C cameras of one size see; row 0 is the image top."""

    colour: Float[Tensor, "C H W 3"] | None
    """RGB, 0 to about 1, over the background (black by default); None when the Gaussians carry no colour."""
    depth: Float[Tensor, "C H W"]
    """Expected depth along +Z, scene units: blended depth over alpha; 0 where nothing is seen."""
    alpha: Float[Tensor, "C H W"]
    """Share of the pixel that Gaussians cover, in [0, 1)."""
    features: Float[Tensor, "C H W D"] | None
    """Blended features, not divided by alpha; None when none were given."""
    means2d: tuple[Float[Tensor, "*C N 2"], ...]
    """Projected means in pixels, one [N,2] per camera or one [C,N,2] for all; see `means2d_gradients`.
    Rows of radius 0 mean nothing."""
    radii: Float[Tensor, "C N"]
    """Half the longer side of the box in which the Gaussian reaches alpha 1/255, pixels; 0 = not seen."""
    backend: Backend
    """Who computed it."""

    def means2d_gradients(self) -> Float[Tensor, "C N 2"]:
        """What densification needs: after `backward`, the loss's gradient for the projected means.

        In pixels, not normalised by the image size; zero for Gaussians that a camera does not see.

        Raises:
            ValueError: nothing was propagated back to `means`.
        """
        gradients = [tensor.grad for tensor in self.means2d]
        if any(gradient is None for gradient in gradients):
            raise ValueError(
                "means2d has no gradient. Let means require one and call backward on a loss first."
            )
        count = self.radii.shape[1]
        return torch.cat([gradient.reshape(-1, count, 2) for gradient in gradients if gradient is not None])


@dataclass(frozen=True)
class Votes:
    """How much of each Gaussian's blending weight falls under each of M masks, summed over cameras and
    pixels."""

    inside: Float[Tensor, "N M"]
    """Weight times mask value, in pixels."""
    seen: Float[Tensor, "N"]
    """Weight in all pixels; 0 when no camera sees the Gaussian."""

    def shares(self) -> Float[Tensor, "N M"]:
        """`inside` over `seen`, in [0, 1] for 0/1 masks; NaN for Gaussians that no camera sees."""
        return self.inside / self.seen[:, None]


def tensors_from_gaussians(
    gaussians: Gaussians, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> GaussianTensors:
    """Copy numpy Gaussians into tensors without gradients."""

    def copy(array: np.ndarray) -> Tensor:
        return torch.tensor(array, dtype=dtype, device=device)

    return GaussianTensors(
        means=copy(gaussians.means),
        quats=copy(gaussians.quats),
        scales=copy(gaussians.scales),
        opacities=copy(gaussians.opacities),
        sh=copy(gaussians.sh),
    )


def gaussians_from_tensors(tensors: GaussianTensors) -> Gaussians:
    """Copy tensors into float32 numpy Gaussians with unit quaternions. Raises ValueError when they carry
    no colour."""
    if tensors.sh is None:
        raise ValueError(
            "sh must be given to store Gaussians; got None. Pass zeros of shape [N, 1, 3] for grey."
        )

    def copy(tensor: Tensor) -> np.ndarray:
        return tensor.detach().to("cpu", torch.float32).numpy().copy()

    return Gaussians(
        means=copy(tensors.means),
        quats=copy(torch.nn.functional.normalize(tensors.quats, dim=-1)),
        scales=copy(tensors.scales),
        opacities=copy(tensors.opacities),
        sh=copy(tensors.sh),
    )
