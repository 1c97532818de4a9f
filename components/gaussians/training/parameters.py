"""What the optimiser holds: Gaussians as unbounded numbers, with Adam's moments, that can be copied and
dropped row by row."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from liftlab.components.gaussians.storage import log_scales, logit
from liftlab.components.rasterize import GaussianTensors, gaussians_from_tensors
from liftlab.components.types import Gaussians

FIELDS = ("means", "quats", "log_scales", "logits", "sh_first", "sh_rest")
BETAS = (0.9, 0.999)
EPSILON = 1e-15


@dataclass
class Parameters:
    """Leaf tensors by field, and Adam's running moments beside them. Mutable: it is the trainer's working
    state."""

    values: dict[str, Tensor]
    """`FIELDS`, and whatever else was put in by `carry`."""
    first_moment: dict[str, Tensor]
    second_moment: dict[str, Tensor]
    steps: int = 0

    def __len__(self) -> int:
        return self.values["means"].shape[0]

    def activated(self, bases: int | None = None) -> GaussianTensors:
        """Natural form, differentiable in `values`; with `bases` harmonics only, where given."""
        v = self.values
        sh = torch.cat([v["sh_first"], v["sh_rest"]], dim=1)
        return GaussianTensors(
            means=v["means"],
            quats=v["quats"],
            scales=v["log_scales"].exp(),
            opacities=v["logits"].sigmoid(),
            sh=sh if bases is None else sh[:, :bases],
        )

    def snapshot(self) -> Gaussians:
        """A copy in natural form."""
        with torch.no_grad():
            return gaussians_from_tensors(self.activated())

    def step(self, rates: dict[str, float]) -> None:
        """One Adam step from the gradients of `values`, which are cleared."""
        self.steps += 1
        correction = (1 - BETAS[1] ** self.steps) ** 0.5 / (1 - BETAS[0] ** self.steps)
        with torch.no_grad():
            for name, value in self.values.items():
                gradient = value.grad
                if gradient is None:
                    continue
                first, second = self.first_moment[name], self.second_moment[name]
                first.lerp_(gradient, 1 - BETAS[0])
                second.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
                value.addcdiv_(first, second.sqrt().add_(EPSILON), value=-rates[name] * correction)
                value.grad = None

    def carry(self, name: str, value: Float[Tensor, "N D"]) -> None:
        """Train something more of every Gaussian, such as an embedding: it is doubled and dropped with its row."""
        self.values[name] = value.detach().clone().requires_grad_(True)
        self.first_moment[name] = torch.zeros_like(value)
        self.second_moment[name] = torch.zeros_like(value)

    def keep(self, rows: Bool[Tensor, "N"] | Int[Tensor, "K"]) -> None:
        """Drop all other rows, moments with them."""
        for name in self.values:
            self.values[name] = self.values[name].detach()[rows].requires_grad_(True)
            self.first_moment[name] = self.first_moment[name][rows]
            self.second_moment[name] = self.second_moment[name][rows]

    def append(self, rows: dict[str, Tensor]) -> None:
        """Add rows at the end, of everything in `values`; their moments start at 0."""
        for name in self.values:
            added = rows[name]
            self.values[name] = torch.cat([self.values[name].detach(), added]).requires_grad_(True)
            self.first_moment[name] = torch.cat([self.first_moment[name], torch.zeros_like(added)])
            self.second_moment[name] = torch.cat([self.second_moment[name], torch.zeros_like(added)])


def parameters_from_gaussians(gaussians: Gaussians, *, sh_degree: int, device: torch.device) -> Parameters:
    """Fresh parameters; harmonics are cut or filled with 0 to `sh_degree`."""
    bases = (sh_degree + 1) ** 2
    sh = np.zeros((len(gaussians.means), bases, 3), np.float32)
    shared = min(bases, gaussians.sh.shape[1])
    sh[:, :shared] = gaussians.sh[:, :shared]
    arrays = {
        "means": gaussians.means,
        "quats": gaussians.quats,
        "log_scales": log_scales(gaussians.scales),
        "logits": logit(gaussians.opacities),
        "sh_first": sh[:, :1],
        "sh_rest": sh[:, 1:],
    }
    values = {
        name: torch.tensor(array, dtype=torch.float32, device=device).requires_grad_(True)
        for name, array in arrays.items()
    }
    return Parameters(
        values=values,
        first_moment={name: torch.zeros_like(value.detach()) for name, value in values.items()},
        second_moment={name: torch.zeros_like(value.detach()) for name, value in values.items()},
    )
