"""What the click network says of one photo: a grid of clicks, each answered; what is sure and new becomes proposals."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float32, Int, UInt8

from liftlab.components.boundaries.network import boundary_inputs
from liftlab.components.click_network.config import ClickProposalConfig
from liftlab.components.click_network.network import STRIDE, ClickNetwork, SeenPhotos
from liftlab.components.masks.protocols import ProposalInput
from liftlab.components.progress import CancelToken
from liftlab.components.types import Array, MaskSet

WEIGHTS = Path(__file__).with_name("weights.safetensors")
"""Made by `python -m assets.train_click_network`; docs/click-network.md says on what."""
MULTIPLE = 32
"""Sides of what the network is shown are multiples of this."""
AT_ONCE = 4
"""Clicks that are answered together: few, so that what is computed stays in the cache of a core."""
COARSE = 2
"""Places of the network, both ways, that one pixel of a coarse answer stands for."""


@dataclass(frozen=True)
class PhotoAnswers:
    """Coarse answers to Q clicks all over one photo."""

    at: Float32[Array, "Q 2"]
    """The clicks (x, y) in pixels of the photo."""
    bits: UInt8[Array, "Q B"]
    """What belongs to the thing under each, packed by rows."""
    size: tuple[int, int]
    """Height and width of those masks."""
    quality: Float32[Array, "Q"]
    """How well each mask is expected to fit, in (0, 1)."""
    columns: Int[Array, "C"]
    """Pixels of the photo that the masks' columns stand for."""
    rows: Int[Array, "R"]
    """And their rows."""

    @property
    def masks(self) -> Bool[Array, "Q h w"]:
        """The masks, one pixel for `COARSE` places of the network both ways."""
        flat = np.unpackbits(self.bits, axis=1, count=self.size[0] * self.size[1]).view(bool)
        return flat.reshape(-1, *self.size)


@cache
def click_network() -> ClickNetwork:
    """The trained network that ships, on the CPU."""
    return read_network(WEIGHTS)


def read_network(file: Path) -> ClickNetwork:
    """A network from its file of weights."""
    from safetensors.torch import load_file

    network = ClickNetwork()
    network.load_state_dict({name: value.float() for name, value in load_file(file).items()}, strict=False)
    return network.eval()


@torch.no_grad()
def look(
    network: ClickNetwork, image: UInt8[Array, "H W 3"], depth: Float32[Array, "H W"], longer_side: int
) -> tuple[SeenPhotos, tuple[int, int]]:
    """Show one photo to the network: what it sees, and the height and width at which it was shown (without padding).

    Args:
        network: On any device.
        image: RGB.
        depth: Along +Z, 0 where unknown.
        longer_side: At most, in pixels.
    """
    height, width = depth.shape
    factor = min(1.0, longer_side / max(height, width))
    size = (max(1, round(height * factor)), max(1, round(width * factor)))
    if size != (height, width):
        image = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
        depth = cv2.resize(depth, size[::-1], interpolation=cv2.INTER_NEAREST)
    told = boundary_inputs(image, depth)
    padding = [(0, 0), *((0, -side % MULTIPLE) for side in size)]
    device = next(network.parameters()).device
    return network(torch.from_numpy(np.pad(told, padding, mode="edge"))[None].to(device)), size


@torch.no_grad()
def answers_of(
    network: ClickNetwork,
    image: UInt8[Array, "H W 3"],
    depth: Float32[Array, "H W"],
    config: ClickProposalConfig,
    cancel: CancelToken,
) -> tuple[PhotoAnswers, SeenPhotos, tuple[int, int]]:
    """Click on a grid of places of a photo; also what `look` gives, to answer more finely."""
    seen, size = look(network, image, depth, config.longer_side)
    places = [
        np.arange(config.every_px / 2, side, config.every_px, dtype=np.float32) for side in (size[1], size[0])
    ]
    at = np.stack(np.meshgrid(*places), axis=-1).reshape(-1, 2)
    rows, columns = (-(-side // (STRIDE * COARSE)) for side in size)
    bits, quality = [], []
    for start in range(0, len(at), AT_ONCE):
        cancel.check()
        part = torch.from_numpy(at[start : start + AT_ONCE]).to(seen.places.device)
        odds, expected = network.answer(
            seen, torch.zeros(len(part), dtype=torch.long, device=part.device), part, every=COARSE
        )
        held = (odds[:, :rows, :columns] > 0).flatten(1).cpu().numpy()
        bits.append(np.packbits(held, axis=1))
        quality.append(torch.sigmoid(expected).cpu().numpy())
    scale = np.array([depth.shape[1] / size[1], depth.shape[0] / size[0]], np.float32)
    answers = PhotoAnswers(
        at * scale, np.concatenate(bits), (rows, columns), np.concatenate(quality),
        _pixels(columns, depth.shape[1], size[1]), _pixels(rows, depth.shape[0], size[0]),
    )  # fmt: skip
    return (
        answers,
        seen,
        size,
    )


def _pixels(count: int, side: int, shown: int) -> Int[Array, "n"]:
    """Where along a side of the photo the middles of the places lie that coarse masks stand for."""
    middle = (np.arange(count) * COARSE + 0.5) * STRIDE * side / shown
    return np.minimum(middle.astype(np.int64), side - 1)


class ClickProposer:
    """`Proposer` that clicks on a grid of places of each photo."""

    def __init__(self, network: ClickNetwork, config: ClickProposalConfig) -> None:
        self.network, self.config = network, config

    def propose(self, photo: ProposalInput, *, cancel: CancelToken) -> MaskSet:
        """Masks of one photo, best first; they may overlap. Raises `Cancelled` when the token is set."""
        return self.ask(photo, cancel)[1]

    @torch.no_grad()
    def ask(self, photo: ProposalInput, cancel: CancelToken) -> tuple[PhotoAnswers, MaskSet]:
        """All answers, coarse, and as sharp as the network sees them those that are sure and new."""
        cancel.check()
        found, seen, size = answers_of(self.network, photo.image, photo.depth, self.config, cancel)
        kept = distinct(found, self.config)
        height, width = photo.depth.shape
        full = [np.zeros((0, height, width), bool)]
        at = torch.from_numpy(found.at[kept] * np.array([size[1] / width, size[0] / height], np.float32))
        for start in range(0, len(kept), AT_ONCE):
            part = at[start : start + AT_ONCE].to(seen.places.device)
            photo_of = torch.zeros(len(part), dtype=torch.long, device=part.device)
            odds = self.network.answer(seen, photo_of, part)[0]
            shown = odds[:, : -(-size[0] // STRIDE), : -(-size[1] // STRIDE)].cpu().numpy()
            full.append(np.stack([cv2.resize(one, (width, height)) > 0 for one in shown]))
        return found, MaskSet(masks=np.concatenate(full), scores=found.quality[kept])


def distinct(found: PhotoAnswers, config: ClickProposalConfig) -> list[int]:
    """Which answers are good and no duplicate of a better one, best first."""
    flat = found.masks.reshape(len(found.at), -1).astype(np.float32)
    area = flat.sum(axis=1)
    kept: list[int] = []
    for index in np.argsort(-found.quality, kind="stable").tolist():
        if found.quality[index] < config.min_quality or len(kept) >= config.max_masks:
            break
        if area[index] == 0:
            continue
        shared = flat[kept] @ flat[index]
        if (shared < config.duplicate * (area[kept] + area[index] - shared)).all():
            kept.append(index)
    return kept
