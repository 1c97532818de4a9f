"""What a mask holds, as the network sees it before it judges it."""

import torch
from jaxtyping import Float
from torch import Tensor

from liftlab.components.openvocab.network.inputs import SHAPE_CHANNELS, SceneInputs

BORDERS = (0, 3, 4)
"""Relations by which the border of a mask is told from its inside."""
LOOK = SHAPE_CHANNELS + 8 + 2 * len(BORDERS)
"""What `mask_look` says beside the mean token."""
CUTS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Probabilities at which a query's mask may be cut; the network learns to tell how good each is."""
SURELY = 8.0
"""Logit of what a cut mask holds."""


def cut_at(masks: Float[Tensor, "Q S"], probability: Float[Tensor, "Q 1"] | float) -> Float[Tensor, "Q S"]:
    """Logits of masks that hold, surely, what is likelier than a probability, and nothing else."""
    return torch.where(masks.detach().sigmoid() > probability, SURELY, -SURELY)


def mask_look(
    masks: Float[Tensor, "Q S"], tokens: Float[Tensor, "S D"], scene: SceneInputs
) -> Float[Tensor, "Q L"]:
    """What each mask holds: mean token and shape, its own size, height and form, and how its border stands out [ours].

    A query alone must carry this through attention, which some hundred scenes do not teach it: names stayed at one in
    ten. No gradient reaches the masks.

    Args:
        masks: Logits.
        tokens: Of the superpoints.
        scene: What they were made of.
    """
    p = masks.sigmoid()
    weight = p * scene.sizes
    total = weight.sum(dim=1, keepdim=True).clamp_min(1e-3)
    share = weight / total
    x, y, z = scene.centres.T
    raw = torch.stack([x * x, x * y, y * y, z * z], dim=1) + scene.moments
    middle = share @ scene.centres
    u, v, height = middle.T
    xx, xy, yy, zz = (share @ raw).T - torch.stack([u * u, u * v, v * v, height * height])
    half, turn = (xx + yy) / 2, (((xx - yy) / 2) ** 2 + xy**2).clamp_min(1e-12).sqrt()
    spans = torch.stack([half + turn, half - turn, zz], dim=1).clamp_min(1e-6)
    own = [
        spans.log() / 6 + 1,
        height[:, None],
        (height - 1.7 * spans[:, 2].sqrt())[:, None],  # the foot of a box
        total.log() / 5,
        (share * p).sum(dim=1, keepdim=True),
    ]
    touch = scene.relations[..., 6]
    inner, outer = p @ touch * p, p @ touch * (1 - p)
    inside, around = inner.sum(dim=1).clamp_min(1e-3), outer.sum(dim=1).clamp_min(1e-3)
    for channel in BORDERS:
        met = p @ (touch * scene.relations[..., channel])
        own += [((met * p).sum(dim=1) / inside)[:, None], ((met * (1 - p)).sum(dim=1) / around)[:, None]]
    own.append((around / (inside + around))[:, None])
    return torch.cat([share @ tokens, share @ scene.shapes, *own], dim=1)
