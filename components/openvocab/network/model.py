"""The network: points to superpoint tokens (eq. 5 to 7), tokens to masks, names and quality (eq. 8 to 12).

Equation numbers are those of docs/methods/ovseg3r.md.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from liftlab.components.openvocab.losses import Prediction
from liftlab.components.openvocab.network.image_features import ImageFeatures
from liftlab.components.openvocab.network.inputs import SHAPE_CHANNELS, SceneInputs
from liftlab.components.openvocab.network.looks import LOOK, mask_look
from liftlab.components.openvocab.network.pooling import OCTAVES, fourier, neighbour_max, superpoint_pools
from liftlab.components.openvocab.superpoints import RELATIONS

POINT_CHANNELS = 9
"""Position, colour, normal."""
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
    context: bool = True
    """Photos are seen by a deeper network beside the three convolutions [ours]."""
    text_dim: int = 128
    """Of the text encoder's vectors."""
    kin: int = 24
    """Channels of what a query makes of its relations to superpoints [ours]; 0 = none."""
    looks: bool = True
    """A query looks at what its mask holds before it says what that is and how good it is [ours]; see `mask_look`."""


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
        self.image = ImageFeatures(config.features, config.context) if config.features else None
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
        self.look = None
        if config.looks:
            last = nn.Linear(d, d)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            self.look = nn.Sequential(nn.Linear(d + LOOK, d), nn.ReLU(), last)
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
        scene: SceneInputs,
    ) -> list[Prediction]:
        """Predictions of the queries as they start and after every layer, the last one last.

        Args:
            tokens: Of `tokens`.
            queries: The superpoints that they start from.
            text: Unit vectors of the names.
            scene: What the tokens were made of.
        """
        sides = self.mask_token(tokens) / math.sqrt(self.config.dim)
        thing = self.thing(tokens)[:, 0]
        kin = None if self.kin is None else self.kin(tokens, queries, scene.centres, scene.relations)
        start = scene.centres[queries]
        q = tokens[queries]

        def predicted() -> Prediction:
            own = self.norm(q)
            masks = self.mask_query(own) @ sides.T + self._near(own, scene.centres, start) + thing
            if self.kin is not None and kin is not None:
                masks = masks + self.kin.logits(own, kin)
            return self._judged(own, masks, text, tokens, scene)

        out = [predicted()]
        for layer in self.decoder:
            blocked = out[-1].masks.detach() < 0  # mask probability below 0.5
            blocked = blocked & ~blocked.all(
                dim=1, keepdim=True
            )  # a query that blocks all attends everywhere
            q = layer(q, tokens, blocked)
            out.append(predicted())
        return out

    def _judged(
        self,
        own: Float[Tensor, "Q D"],
        masks: Float[Tensor, "Q S"],
        text: Float[Tensor, "K T"],
        tokens: Float[Tensor, "S D"],
        scene: SceneInputs,
    ) -> Prediction:
        """Masks with what they are and how good they are."""
        seen = self._seen(own, masks, tokens, scene)
        embedding = F.normalize(self.text_query(seen), dim=1)
        named = embedding @ text.T * self.gamma
        return Prediction(
            masks,
            torch.cat([named, self.no_object(seen)], dim=1),
            self.objectness(seen)[:, 0].sigmoid(),
            embedding,
            own,
        )

    def _seen(
        self,
        own: Float[Tensor, "Q D"],
        masks: Float[Tensor, "Q S"],
        tokens: Float[Tensor, "S D"],
        scene: SceneInputs,
    ) -> Float[Tensor, "Q D"]:
        if self.look is None:
            return own
        return own + self.look(mask_look(masks.detach(), tokens, scene))

    def judged(
        self,
        state: Float[Tensor, "Q D"],
        masks: Float[Tensor, "Q S"],
        tokens: Float[Tensor, "S D"],
        scene: SceneInputs,
    ) -> Float[Tensor, "Q"]:
        """IoU with their things that is predicted of masks, in (0, 1), whoever made them.

        Args:
            state: The queries that answer for them, of `Prediction.state`.
            masks: Logits.
            tokens: Of the superpoints.
            scene: What they were made of.
        """
        return self.objectness(self._seen(state, masks, tokens, scene))[:, 0].sigmoid()

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
