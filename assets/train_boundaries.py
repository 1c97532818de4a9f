"""Train the network that sees boundaries of things in a photo, on made captures.

    python -m assets.make_training_captures --kind all --seeds 0-2 --photos 4 --width 480 --height 360 --out made
    python -m assets.train_boundaries --captures made --out weights          (resumable; about a CPU second a step)

Only seeds below 1000 may be used.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import tyro
from torch import Tensor

from assets.boundary_training.samples import crop, made_photos
from liftlab.components.boundaries.network import WEIGHTS, BoundaryNetwork
from liftlab.components.files import atomic_write

LEARNING_RATE = 2e-3
WARM_UP = 50
"""Steps in which the learning rate rises."""
SAVE_EVERY = 50
"""Steps between checkpoints."""
BOUNDARY_WEIGHT = 4.0
"""Of a boundary pixel beside another: there are few."""
OVERLAP_WEIGHT = 0.3
"""Of the overlap of all boundaries beside the single pixels."""


def loss_of(odds: Tensor, boundary: Tensor) -> Tensor:
    """Weighted cross entropy of pixels, and one less the Dice overlap. Shapes [B, H, W]."""
    weight = 1 + (BOUNDARY_WEIGHT - 1) * boundary
    single = F.binary_cross_entropy_with_logits(odds, boundary, weight=weight)
    chance = torch.sigmoid(odds)
    overlap = (2 * (chance * boundary).sum() + 1) / (chance.sum() + boundary.sum() + 1)
    return single + OVERLAP_WEIGHT * (1 - overlap)


def main(
    captures: Path,
    out: Path,
    steps: int = 600,
    batch: int = 5,
    size: int = 192,
    seed: int = 0,
    weights: Path = WEIGHTS,
    stop_after: int | None = None,
) -> None:
    """Train, and write the weights that ship.

    Args:
        captures: Folder of captures with truth.
        out: Folder of the checkpoint; a run that was stopped goes on from there.
        steps: Of the whole training.
        batch: Crops a step.
        size: Side of a crop in pixels, a multiple of 16.
        seed: Of the first weights and the crops.
        weights: The file to write.
        stop_after: Stop at this step for now.
    """
    out.mkdir(parents=True, exist_ok=True)
    photos = list(made_photos(captures))
    torch.manual_seed(seed)
    network = BoundaryNetwork()
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=1e-4)
    checkpoint, start, losses = out / "checkpoint.pt", 0, []
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(kept["network"])
        optimizer.load_state_dict(kept["optimizer"])
        start = kept["step"]
    print(f"{len(photos)} photos, from step {start}", flush=True)
    stop = steps if stop_after is None else stop_after
    for step in range(start, stop):
        rng = np.random.default_rng([seed, step])
        rate = float(
            LEARNING_RATE * min(1, (step + 1) / WARM_UP) * (0.5 + 0.5 * np.cos(np.pi * step / steps))
        )
        for group in optimizer.param_groups:
            group["lr"] = rate
        crops = [crop(photos[rng.integers(len(photos))], rng, size) for _ in range(batch)]
        told, boundary = (torch.from_numpy(np.stack(each)) for each in zip(*crops, strict=True))
        loss = loss_of(network(told), boundary.float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == stop:
            print(f"step {step + 1}: loss {np.mean(losses[-SAVE_EVERY:]):.4f}", flush=True)
            state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}
            with atomic_write(checkpoint) as file:
                torch.save(state, file)
            save(network, weights)


def save(network: BoundaryNetwork, file: Path) -> None:
    """The weights as half precision, without what only training needs."""
    from safetensors.torch import save as to_bytes

    state = {
        name: value.half().contiguous()
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    with atomic_write(file) as out:
        out.write(to_bytes(state))


if __name__ == "__main__":
    tyro.cli(main)
