"""How SAGA answers clicks: what a click asks for, what is like it, and what a negative click takes away.

Source: "Segment Any 3D Gaussians", AAAI 2025 (arXiv:2312.00860); equation numbers are those of docs/methods/saga.md.
The paper takes positive clicks as they are and gives no rule for negative ones: what the docstrings below say of
rims, of masks and of negative clicks is ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor
from torch.nn.functional import normalize

from liftlab.components.features.losses.affinity import gate
from liftlab.components.rasterize.frozen import FrozenView
from liftlab.components.types import Array
from liftlab.pipelines.methods.shared.gaussian_answers import MIN_ALPHA, SeenClick

GRANULARITIES = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Sizes offered side by side, and tried where a negative click is to be told from a positive one."""
OTHER_SHARE = 0.15
"""A further click through a pixel that blends two things means the fitting one, if it has at least this share."""
MASK_PIXELS = 1000
"""Pixels of a mask, evenly taken, whose mean feature stands for it."""


@dataclass(frozen=True)
class Affinity:
    """The features of a scene's Gaussians with the gate that chooses channels for a size."""

    features: Float[Tensor, "N D"]
    """Unit length."""
    squares: Float[Tensor, "N D"]
    """Of the features."""
    weight: Float[Tensor, "D"]
    bias: Float[Tensor, "D"]
    gated: bool
    """False opens all channels at every size."""
    foreground: Float32[Array, "N"]
    """Share of each Gaussian's visible weight that lies under masks of things rather than surroundings."""

    def gates(self, scale: float) -> Float[Tensor, "D"]:
        """Per channel how open it is at a normalised size."""
        if not self.gated:
            return torch.ones_like(self.weight)
        return gate(torch.tensor([scale], device=self.weight.device), self.weight, self.bias)[0]

    def similar(self, queries: Float[Tensor, "C D"], scale: float) -> Float[Tensor, "N C"]:
        """Of every Gaussian to every query at a size (eq. 13)."""
        return similarities(self.features, self.squares, self.gates(scale), queries)

    def alike(
        self, some: Float[Tensor, "A D"], others: Float[Tensor, "B D"], scale: float
    ) -> Float[Tensor, "A B"]:
        """Cosines of blended features at a size."""
        gates = self.gates(scale)
        return normalize(some * gates, dim=1) @ normalize(others * gates, dim=1).T


def similarities(
    features: Float[Tensor, "N D"],
    squares: Float[Tensor, "N D"],
    gates: Float[Tensor, "D"],
    clicks: Float[Tensor, "C D"],
) -> Float[Tensor, "N C"]:
    """Cosine of every Gaussian's gated feature with every gated click's (eq. 13), by two products and no gated copy.

    Args:
        squares: Of the features.
    """
    queries = normalize(gates * clicks, dim=1) * gates
    lengths = (squares @ gates.square()).sqrt().clamp_min(1e-9)
    return (features @ queries.T) / lengths[:, None]


def mask_query(
    features: Float[Tensor, "N D"], view: FrozenView, mask: Bool[Array, "H W"]
) -> Float[Tensor, "_ D"]:
    """The mean feature of a mask (eq. 14) as one query, or none where the mask shows too little.

    We differ: the mean is taken before the gate, so that it can be asked at any size.
    """
    shown = torch.from_numpy(mask.ravel()).to(view.alpha.device) & (view.alpha.flatten() >= MIN_ALPHA)
    pixels = torch.nonzero(shown).flatten()
    if len(pixels) == 0:
        return features[:0]
    chosen = pixels[torch.linspace(0, len(pixels) - 1, min(MASK_PIXELS, len(pixels))).long()]
    with torch.no_grad():
        rows = view.rows(chosen)
        rendered = rows.blend(features.index_select(0, rows.gaussian_ids))
    return normalize(rendered, dim=1).mean(dim=0, keepdim=True)


def fitting_size(
    affinity: Affinity,
    view: FrozenView,
    mask: Bool[Array, "H W"],
    query: Float[Tensor, "1 D"],
    sizes: Sequence[float],
    threshold: float,
) -> float:
    """The size at which what is like a mask's query agrees best with the mask in its own view; the first of equals.

    Ours: the measured size of a mask is spoilt by pixels that lie on what is behind it, and the gate has steps at sizes
    that a short training leaves where they are.
    """
    chosen = torch.cat([affinity.similar(query, size) > threshold for size in sizes], dim=1)
    with torch.no_grad():
        drawn = view.render(chosen.to(affinity.features.dtype)) > 0.5
    inside = torch.from_numpy(mask).to(drawn.device)[..., None]
    both, either = (pixels.sum(dim=(0, 1)) for pixels in (drawn & inside, drawn | inside))
    return sizes[int((both / either.clamp_min(1)).argmax())]


def click_score(
    affinity: Affinity,
    positives: Sequence[SeenClick],
    negatives: Sequence[SeenClick],
    scale: float,
    *,
    meant: Float[Tensor, "M D"],
    threshold: float,
    margin: float,
) -> Float[Tensor, "N"]:
    """Similarity to the nearest positive click; at most the threshold where a negative one is as near.

    A pixel at an outline blends two things. A further positive click there means the part of it that is like the
    positive clicks before, a negative one the part that is unlike them: else correcting a rim would take the table, or
    lose the object. A further positive click that would add mostly surroundings to a thing hit the other side of the
    rim, and is left out. Where all of a pixel is like the positive clicks, a negative click is compared at the next
    smaller size that tells the two apart ("both without this one"); where no size does, only what is closer to it goes.

    Args:
        meant: Further queries that stand for the first click; those more like a negative click than like a positive
            one are left out.
        threshold: Similarity above which a Gaussian is selected.
        margin: By how much more similar to a positive than to any negative click it must be.
    """
    score, wanted = _positive_score(affinity, positives, scale, meant, threshold)
    inside = [
        click.blend(affinity.features)
        for click in negatives
        if _outside_part(affinity, click, score > threshold) is None
    ]
    if inside and len(meant):
        to_negative = affinity.alike(meant, torch.stack(inside), scale).amax(dim=1)
        fitting = affinity.alike(meant, wanted[:1], scale)[:, 0] > to_negative
        score, wanted = _positive_score(affinity, positives, scale, meant[fitting], threshold)
    selected = score > threshold
    for click in negatives:
        size, least = scale, margin
        unwanted = _outside_part(affinity, click, selected)
        if unwanted is None:
            unwanted = click.blend(affinity.features)
            size, told = _telling_scale(affinity, wanted, unwanted[None], scale, threshold)
            least = margin if told else 0.0
        similar = affinity.similar(torch.cat([wanted, unwanted[None]]), size)
        beaten = similar[:, :-1].amax(dim=1) <= similar[:, -1] + least
        score = torch.where(beaten, score.clamp_max(threshold), score)
    return score


def _positive_score(
    affinity: Affinity,
    positives: Sequence[SeenClick],
    scale: float,
    meant: Float[Tensor, "M D"],
    threshold: float,
) -> tuple[Float[Tensor, "N"], Float[Tensor, "C D"]]:
    """Similarity to the nearest positive click, and what was compared; the first click's own feature comes first."""
    wanted = torch.cat([positives[0].blend(affinity.features)[None], meant])
    score = affinity.similar(wanted, scale).amax(dim=1)
    for click in positives[1:]:
        own = click.blend(torch.where((score > threshold)[:, None], affinity.features, 0.0))
        if float(own.norm()) < OTHER_SHARE * click.alpha:
            own = click.blend(affinity.features)
        also = affinity.similar(own[None], scale)[:, 0]
        if _turns_to_surroundings(affinity, score > threshold, also > threshold):
            continue
        wanted = torch.cat([wanted, own[None]])
        score = torch.maximum(score, also)
    return score, wanted


def _outside_part(
    affinity: Affinity, click: SeenClick, selected: Bool[Tensor, "N"]
) -> Float[Tensor, "D"] | None:
    """What a click's pixel blends of Gaussians that are not selected; None where that is next to nothing."""
    part = click.blend(torch.where(selected[:, None], 0.0, affinity.features))
    return None if float(part.norm()) < OTHER_SHARE * click.alpha else part


def _turns_to_surroundings(affinity: Affinity, selected: Bool[Tensor, "N"], also: Bool[Tensor, "N"]) -> bool:
    """Whether what a further click would add lies outside the masks of things, while the selection lies inside."""
    before = selected.cpu().numpy()
    added = also.cpu().numpy() & ~before
    if not before.any() or not added.any():
        return False
    return bool(affinity.foreground[before].mean() >= 0.5 > affinity.foreground[added].mean())


def _telling_scale(
    affinity: Affinity,
    wanted: Float[Tensor, "C D"],
    unwanted: Float[Tensor, "1 D"],
    scale: float,
    threshold: float,
) -> tuple[float, bool]:
    """The largest size up to `scale` at which a negative click differs from all positive ones, and True; where none
    does, the one at which it differs most, and False.
    """
    sizes = [scale, *(g for g in reversed(GRANULARITIES) if g < scale)]
    likeness = []
    for size in sizes:
        likeness.append(float(affinity.alike(wanted, unwanted, size).max()))
        if likeness[-1] < threshold:
            return size, True
    return sizes[likeness.index(min(likeness))], False
