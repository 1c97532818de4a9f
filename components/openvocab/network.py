"""The network: points to superpoint tokens (eq. 5 to 7), tokens to masks, names and quality (eq. 8 to 12).

Equation numbers are those of docs/methods/ovseg3r.md.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from liftlab.components.masks.graph.graph_kernels import handed_back, largest_of
from liftlab.components.openvocab.losses import Prediction
from liftlab.components.openvocab.superpoints import RELATIONS

POINT_CHANNELS = 9
"""Position, colour, normal."""
SHAPE_CHANNELS = 14
"""Of a superpoint: log extents along its three axes, height range, steepness, number of points, height, distance, mean
colour and its spread."""
OCTAVES = 6
"""Frequencies of the Fourier features of a position."""
FALL, SURE, OFFSET = 3.5, 2.0, 0.1
"""How mask logits start: a ball of a quarter of the scene's radius round the query's superpoint, from which training
goes."""
LARGEST_GAMMA = 100.0
"""Of the sharpness of the class logits, as in CLIP."""


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the network."""

    dim: int = 128
    """d of tokens and queries [ours]; the original's is 256."""
    point_dim: int = 96
    """Channels of points, as in the original's U-Net."""
    layers: int = 3
    """Decoder layers [ours]; the original has 6."""
    heads: int = 4
    """Of attention."""
    features: int = 32
    """Channels of the 2D features; 0 = colours alone."""
    text_dim: int = 128
    """Of the text encoder's vectors."""
    kin: int = 24
    """Channels of what a query makes of its relations to superpoints [ours]; 0 = none."""


@dataclass(frozen=True)
class SceneInputs:
    """One scene as tensors."""

    points: Float[Tensor, "N 9"]
    """Position centred and divided by the scene's radius, colour in 0..1, normal."""
    neighbours: Int[Tensor, "N k"]
    superpoint: Int[Tensor, "N"]
    """0..S-1."""
    centres: Float[Tensor, "S 3"]
    """Mean position of each superpoint."""
    shapes: Float[Tensor, "S 14"]
    """See `SHAPE_CHANNELS`."""
    images: Float[Tensor, "V 3 h w"]
    """The photos, small, -0.5 to 0.5."""
    view: Int[Tensor, "N"]
    """Of each point's first link."""
    at: Float[Tensor, "N 2"]
    """Where in that view: x and y from -1 to 1."""
    relations: Float[Tensor, "S S R"]
    """See `superpoints.RELATIONS`."""


class OpenVocabNetwork(nn.Module):
    """A superpoint transformer whose queries start from superpoints and are named by text vectors.

    Source: OVSeg3R (arXiv:2509.23541) over SegDINO3D's scheme. We differ [ours]: an MLP with pooling over neighbours
    in place of a sparse U-Net; a superpoint's own shape joins its mean feature, since an MLP on points does not see it;
    no 2D object queries, no boxes; "no object" is a logit of every query, not one for all, which did not learn to tell
    things from tables in 500 steps (0.96 for both).
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        d, p = config.dim, config.point_dim
        self.image = _ImageFeatures(config.features) if config.features else None
        self.point_mlp = nn.Sequential(
            nn.Linear(POINT_CHANNELS + config.features, 64), nn.ReLU(), nn.Linear(64, p), nn.ReLU()
        )
        self.rounds = nn.ModuleList([nn.Linear(2 * p, p) for _ in range(2)])
        self.token = nn.Linear(2 * p + SHAPE_CHANNELS, d)
        self.place = nn.Linear(6 * OCTAVES + 3, d)
        self.token_layers = nn.ModuleList([_SelfAttention(d, config.heads) for _ in range(2)])
        self.decoder = nn.ModuleList([_DecoderLayer(d, config.heads) for _ in range(config.layers)])
        self.norm = nn.LayerNorm(d)
        self.mask_query = nn.Linear(d, d)
        self.mask_token = nn.Linear(d, d)
        self.reach = nn.Linear(d, 5)
        self.text_query = nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, config.text_dim))
        self.objectness = nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, 1))
        # As CLIP learns it: a step of the optimiser changes it by a share, not by a thousandth of what it is.
        self.log_gamma = nn.Parameter(torch.tensor(math.log(10.0)))
        self.thing = nn.Linear(d, 1)
        self.kin = _Kin(d, config.kin) if config.kin else None
        self.no_object = nn.Linear(d, 1)
        nn.init.zeros_(self.no_object.weight)
        nn.init.zeros_(self.no_object.bias)

    @property
    def gamma(self) -> Float[Tensor, ""]:
        """Sharpness of the class logits."""
        return self.log_gamma.exp().clamp(max=LARGEST_GAMMA)

    def tokens(self, scene: SceneInputs) -> Float[Tensor, "S D"]:
        """h of eq. 7."""
        x = scene.points
        if self.image is not None:
            x = torch.cat([x, self.image(scene.images, scene.view, scene.at)], dim=1)
        x = self.point_mlp(x)
        for mix in self.rounds:
            x = F.relu(mix(torch.cat([x, neighbour_max(x, scene.neighbours)], dim=1)))
        pooled = superpoint_pools(x, scene.superpoint, len(scene.centres))
        h = self.token(torch.cat([pooled, scene.shapes], dim=1)) + self.place(fourier(scene.centres))
        for layer in self.token_layers:
            h = layer(h)
        return h

    def decode(
        self,
        tokens: Float[Tensor, "S D"],
        queries: Int[Tensor, "Q"],
        text: Float[Tensor, "K T"],
        centres: Float[Tensor, "S 3"],
        relations: Float[Tensor, "S S R"],
    ) -> list[Prediction]:
        """Predictions of the queries as they start and after every layer, the last one last.

        Args:
            tokens: Of `tokens`.
            queries: The superpoints that they start from.
            text: Unit vectors of the names.
            centres: Where the superpoints are.
            relations: Of the superpoints to each other.
        """
        sides = self.mask_token(tokens) / math.sqrt(self.config.dim)
        thing = self.thing(tokens)[:, 0]
        kin = None if self.kin is None else self.kin(tokens, queries, centres, relations)
        q = tokens[queries]

        def predicted() -> Prediction:
            one = self._predict(q, sides, text, centres, centres[queries])
            masks = one.masks + thing
            if self.kin is not None and kin is not None:
                masks = masks + self.kin.logits(self.norm(q), kin)
            return replace(one, masks=masks)

        out = [predicted()]
        for layer in self.decoder:
            blocked = out[-1].masks.detach() < 0  # mask probability below 0.5
            blocked = blocked & ~blocked.all(
                dim=1, keepdim=True
            )  # a query that blocks all attends everywhere
            q = layer(q, tokens, blocked)
            out.append(predicted())
        return out

    def _predict(
        self,
        q: Float[Tensor, "Q D"],
        sides: Float[Tensor, "S D"],
        text: Float[Tensor, "K T"],
        centres: Float[Tensor, "S 3"],
        start: Float[Tensor, "Q 3"],
    ) -> Prediction:
        q = self.norm(q)
        embedding = F.normalize(self.text_query(q), dim=1)
        named = embedding @ text.T * self.gamma
        none = self.no_object(q)
        return Prediction(
            self.mask_query(q) @ sides.T + self._near(q, centres, start),
            torch.cat([named, none], dim=1),
            self.objectness(q)[:, 0].sigmoid(),
            embedding,
        )

    def _near(
        self, q: Float[Tensor, "Q D"], centres: Float[Tensor, "S 3"], start: Float[Tensor, "Q 3"]
    ) -> Float[Tensor, "Q S"]:
        """Part of the mask logits that falls with the distance from where a query is: in place of the original's
        boxes,
        which modulate its attention [ours]. Each query says how far it reaches, where its middle is, and how sure it
        is.
        """
        said = self.reach(q)
        middle = start + OFFSET * said[:, 2:]
        squared = (
            (middle**2).sum(dim=1, keepdim=True) - 2 * middle @ centres.T + (centres**2).sum(dim=1)
        ).clamp_min(0)
        return said[:, 1:2] + SURE - (FALL + said[:, :1]).clamp(-2, 9).exp() * squared


class _Kin(nn.Module):
    """Part of the mask logits that follows from how each superpoint stands to the query's own [ours]: learned from
    every pair of a scene, it needs far fewer scenes than a dot product of two tokens.
    """

    def __init__(self, dim: int, channels: int) -> None:
        super().__init__()
        self.pair = nn.Linear(RELATIONS + 3, channels)
        self.first = nn.Linear(dim, channels, bias=False)
        self.second = nn.Linear(dim, channels, bias=False)
        self.mix = nn.Linear(channels, channels)
        self.weight = nn.Linear(dim, channels)

    def forward(
        self,
        tokens: Float[Tensor, "S D"],
        queries: Int[Tensor, "Q"],
        centres: Float[Tensor, "S 3"],
        relations: Float[Tensor, "S S R"],
    ) -> Float[Tensor, "Q S K"]:
        """What there is between every query and every superpoint."""
        off = centres[None] - centres[queries][:, None]
        distance = (off.square().sum(dim=2, keepdim=True) + 1e-6).sqrt()
        seen = torch.cat(
            [relations[queries].float(), distance, (distance + 0.02).log() / 3, off[..., 2:]], dim=2
        )
        pair = self.pair(seen) + self.first(tokens[queries])[:, None] + self.second(tokens)[None]
        return F.relu(self.mix(F.relu(pair)))

    def logits(self, q: Float[Tensor, "Q D"], kin: Float[Tensor, "Q S K"]) -> Float[Tensor, "Q S"]:
        """What a query makes of it."""
        return torch.bmm(kin, self.weight(q)[:, :, None])[:, :, 0]


class _ImageFeatures(nn.Module):
    """A small convolutional network over the photos, read at each point's first link.

    In place of the original's frozen 2D network, whose weights are a download: trained with the rest [ours].
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        sizes = (3, 16, 32, 48)
        self.steps = nn.ModuleList([nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairwise(sizes)])
        self.norms = nn.ModuleList([nn.GroupNorm(4, b) for b in sizes[1:]])
        self.out = nn.Linear(sum(sizes[2:]), channels)

    def forward(
        self, images: Float[Tensor, "V 3 h w"], view: Int[Tensor, "N"], at: Float[Tensor, "N 2"]
    ) -> Float[Tensor, "N C"]:
        x, kept = images, []
        for step, norm in zip(self.steps, self.norms, strict=True):
            x = F.relu(norm(step(x)))
            kept.append(x)
        return self.out(torch.cat([_read(level, view, at) for level in kept[1:]], dim=1))


def _read(level: Float[Tensor, "V C h w"], view: Int[Tensor, "N"], at: Float[Tensor, "N 2"]) -> Tensor:
    """Bilinear values [N, C] of the views' maps; zero beyond the rim.

    Four looked-up corners: `grid_sample` would read every point in every view.
    """
    views, channels, height, width = level.shape
    x = (at[:, 0] + 1) * width / 2 - 0.5
    y = (at[:, 1] + 1) * height / 2 - 0.5
    inside = (at.abs() <= 1).all(dim=1)
    x, y = x.clamp(0, width - 1), y.clamp(0, height - 1)
    x0, y0 = x.floor().long().clamp(max=max(width - 2, 0)), y.floor().long().clamp(max=max(height - 2, 0))
    x1, y1 = (x0 + 1).clamp(max=width - 1), (y0 + 1).clamp(max=height - 1)
    u, v = (x - x0)[:, None], (y - y0)[:, None]
    flat = level.permute(0, 2, 3, 1).reshape(views * height * width, channels)
    base = view * height * width
    top = flat[base + y0 * width + x0] * (1 - u) + flat[base + y0 * width + x1] * u
    bottom = flat[base + y1 * width + x0] * (1 - u) + flat[base + y1 * width + x1] * u
    return (top * (1 - v) + bottom * v) * inside[:, None]


class _SelfAttention(nn.Module):
    """Attention among all, then a feed-forward step; residual and layer norm each."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.attend = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.norm = nn.LayerNorm(dim)
        self.forward_step = _FeedForward(dim)

    def forward(self, x: Float[Tensor, "S D"]) -> Float[Tensor, "S D"]:
        x = self.norm(x + self.attend(x[None], x[None], x[None], need_weights=False)[0][0])
        return self.forward_step(x)


class _DecoderLayer(nn.Module):
    """Eq. 9: masked cross-attention, self-attention, feed-forward."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.cross = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.norm = nn.LayerNorm(dim)
        self.among = _SelfAttention(dim, heads)

    def forward(
        self, q: Float[Tensor, "Q D"], tokens: Float[Tensor, "S D"], blocked: Bool[Tensor, "Q S"]
    ) -> Float[Tensor, "Q D"]:
        seen = self.cross(q[None], tokens[None], tokens[None], attn_mask=blocked, need_weights=False)[0][0]
        return self.among(self.norm(q + seen))


class _FeedForward(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.steps = nn.Sequential(nn.Linear(dim, 2 * dim), nn.ReLU(), nn.Linear(2 * dim, dim))
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Float[Tensor, "S D"]) -> Float[Tensor, "S D"]:
        return self.norm(x + self.steps(x))


def neighbour_max(x: Float[Tensor, "N C"], neighbours: Int[Tensor, "N k"]) -> Float[Tensor, "N C"]:
    """The largest of each channel among a point's neighbours; of equal ones the first."""
    return _NeighbourMax.apply(x, neighbours)  # type: ignore[no-any-return]


class _NeighbourMax(torch.autograd.Function):
    """Remembers where each maximum came from: a tenth of the time that `x[neighbours].amax(1)` takes to go back, and a
    fifth of that again on a CPU, where loops are compiled."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, neighbours: Tensor) -> Tensor:
        if x.device.type == "cpu":
            largest, came_from = largest_of(x.detach().contiguous().numpy(), neighbours.contiguous().numpy())
            ctx.save_for_backward(torch.from_numpy(came_from))
            return torch.from_numpy(largest)
        best = x[neighbours[:, 0]]
        source = neighbours[:, :1].expand_as(best).contiguous()
        for column in neighbours.T[1:]:
            candidate = x[column]
            better = candidate > best
            best = torch.maximum(best, candidate)
            source = torch.where(better, column[:, None], source)
        ctx.save_for_backward(source)
        return best

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (source,) = ctx.saved_tensors
        if source.device.type == "cpu":
            grad = grads[0].contiguous().numpy()
            return torch.from_numpy(handed_back(grad, source.numpy())), None
        return torch.zeros_like(grads[0]).scatter_add_(0, source, grads[0]), None


def superpoint_pools(
    x: Float[Tensor, "N C"], superpoint: Int[Tensor, "N"], count: int
) -> Float[Tensor, "S P"]:
    """Mean (eq. 7) and largest value [ours] of each channel over every superpoint's points, beside each other."""
    total = x.new_zeros(count, x.shape[1]).index_add(0, superpoint, x)
    size = torch.bincount(superpoint, minlength=count).clamp_min(1)[:, None]
    index = superpoint[:, None].expand_as(x)
    largest = x.new_zeros(count, x.shape[1]).scatter_reduce(0, index, x, "amax", include_self=True)
    return torch.cat([total / size, largest], dim=1)


def fourier(places: Float[Tensor, "S 3"]) -> Float[Tensor, "S F"]:
    """A position with sines and cosines of it at octaves."""
    angles = places[:, :, None] * (math.pi * 2.0 ** torch.arange(-1, OCTAVES - 1, device=places.device))
    angles = angles.flatten(1)
    return torch.cat([places, angles.sin(), angles.cos()], dim=1)
