"""Fitting the judge: small networks over sets, by regression of the answers and by ranking them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from liftlab.components.masks.judging.network import Judge
from liftlab.components.types import Array


@dataclass(frozen=True)
class FitConfig:
    """How long and how freely."""

    hidden: int = 64
    """Width of the layers."""
    members: int = 6
    """Networks of the ensemble."""
    steps: int = 2500
    """Updates of each."""
    batch: int = 96
    """Questions of one update."""
    rate: float = 2e-3
    """Largest learning rate of the one-cycle schedule."""
    decay: float = 1e-3
    """Weight decay of AdamW."""
    dropout: float = 0.1
    """Share of codes dropped."""
    noise: float = 0.2
    """Standard deviation of noise on the scaled inputs: measures of other captures lie elsewhere."""
    ranking: float = 0.3
    """Weight of the ranking loss beside the regression."""
    sharpness: float = 0.1
    """Temperature of the answers that the ranking aims at."""
    most: int = 32
    """Candidates of one question that are kept, smallest first."""
    seed: int = 0
    """Of everything random."""


@dataclass(frozen=True)
class Sets:
    """Questions padded to one length: Q questions, P places."""

    inputs: Array
    """[Q, P, D], NaN where nothing is known."""
    answers: Array
    """[Q, P]."""
    there: Array
    """[Q, P] whether a place is taken."""
    weight: Array
    """[Q] chance to be drawn."""


def padded(inputs: Array, question: Array, answers: Array, weight: Array, most: int) -> Sets:
    """Sets of the questions of one capture; their weights sum to 1."""
    starts = np.flatnonzero(np.r_[True, np.diff(question) != 0])
    ends = np.r_[starts[1:], len(question)]
    out = np.full((len(starts), most, inputs.shape[1]), np.nan, np.float32)
    values, there = np.zeros((len(starts), most), np.float32), np.zeros((len(starts), most), bool)
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        count = min(most, end - start)
        out[index, :count], values[index, :count] = (
            inputs[start : start + count],
            answers[start : start + count],
        )
        there[index, :count] = True
    return Sets(out, values, there, weight[starts] / weight[starts].sum())


class SetNetwork(torch.nn.Module):
    """`Judge` while it learns."""

    def __init__(self, width: int, config: FitConfig) -> None:
        super().__init__()
        self.encode = torch.nn.Linear(width, config.hidden)
        self.mix = torch.nn.Linear(3 * config.hidden, config.hidden)
        self.out = torch.nn.Linear(config.hidden, 1)
        self.drop = torch.nn.Dropout(config.dropout)

    def forward(self, inputs: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        """Log odds [B, P] of inputs [B, P, D]; `there` [B, P] tells padding."""
        code = self.drop(torch.relu(self.encode(inputs))) * there[..., None]
        mean = code.sum(dim=1, keepdim=True) / there.sum(dim=1)[:, None, None].clamp(min=1)
        around = [mean.expand_as(code), code.max(dim=1, keepdim=True).values.expand_as(code)]
        return self.out(self.drop(torch.relu(self.mix(torch.cat([code, *around], dim=2)))))[..., 0]


def fit(captures: Sequence[Sets], config: FitConfig) -> Judge:
    """Train on the questions of several captures; each capture counts alike."""
    inputs = np.concatenate([one.inputs for one in captures])
    there = np.concatenate([one.there for one in captures])
    chance = np.concatenate([one.weight for one in captures]) / len(captures)
    known = inputs[there]
    center, spread = np.nanmean(known, axis=0), np.nanstd(known, axis=0) + 1e-6
    scaled = torch.from_numpy(np.nan_to_num(np.clip((inputs - center) / spread, -5, 5)).astype(np.float32))
    answers = torch.from_numpy(np.concatenate([one.answers for one in captures]))
    taken = torch.from_numpy(there)
    networks = [
        _trained(scaled, answers, taken, chance, config, config.seed + member)
        for member in range(config.members)
    ]

    def stacked(name: str) -> Array:
        return np.stack([network.state_dict()[name].numpy().T for network in networks]).astype(np.float32)

    return Judge(
        center.astype(np.float32), spread.astype(np.float32),
        stacked("encode.weight"), stacked("encode.bias"), stacked("mix.weight"), stacked("mix.bias"),
        stacked("out.weight"), stacked("out.bias"),
    )  # fmt: skip


def joined(judges: Sequence[Judge]) -> Judge:
    """One judge of the networks of several that are told the same; each counts alike.

    Inputs are scaled as those of the first. Where nothing is known, and where an input is far out, the networks of the
    others see what the first makes of it.
    """
    first = judges[0]
    encode, bias = [], []
    for one in judges:
        encode.append(one.encode * (first.spread / one.spread)[:, None])
        bias.append(one.encode_bias + ((first.center - one.center) / one.spread) @ one.encode)
    return replace(
        first,
        encode=np.concatenate(encode),
        encode_bias=np.concatenate(bias),
        **{
            name: np.concatenate([getattr(one, name) for one in judges])
            for name in ("mix", "mix_bias", "out", "out_bias")
        },
    )


def save_judge(judge: Judge, file: Path) -> None:
    """Write the weights in half precision; safetensors takes memory as it lies, so it must lie in order."""
    save_file({name: np.ascontiguousarray(value, np.float16) for name, value in vars(judge).items()}, file)
    file.chmod(0o644)


def _trained(
    inputs: torch.Tensor,
    answers: torch.Tensor,
    there: torch.Tensor,
    chance: Array,
    config: FitConfig,
    seed: int,
) -> SetNetwork:
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = SetNetwork(inputs.shape[-1], config)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.rate, weight_decay=config.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.rate, total_steps=config.steps)
    for _ in range(config.steps):
        drawn = torch.from_numpy(rng.choice(len(inputs), config.batch, p=chance / chance.sum()))
        mask, target = there[drawn], answers[drawn]
        batch = inputs[drawn] + config.noise * torch.randn_like(inputs[drawn])
        odds = network(batch, mask.float())
        each = torch.nn.functional.binary_cross_entropy_with_logits(odds, target, reduction="none")
        aim = torch.softmax((target / config.sharpness).masked_fill(~mask, -1e4), dim=1)
        ranked = torch.log_softmax((3 * odds).masked_fill(~mask, -1e4), dim=1)
        loss = (each * mask).sum() / mask.sum() - config.ranking * (aim * ranked).sum(dim=1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()
