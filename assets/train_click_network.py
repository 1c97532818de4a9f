"""Train the network that sees the thing under a click, on made captures.

    python -m assets.make_training_captures --kind all --seeds 3-14 --photos 3 --width 480 --height 360 --out made
    python -m assets.train_click_network --captures made --out run          (resumable; about a CPU second a step)

Only seeds below 1000 may be used, and none that the judge learns from (`assets/train_judge.py`): it must see what the
network says of photos it does not know.
"""

from pathlib import Path

import numpy as np
import torch
import tyro

from assets.boundary_training.samples import labelled_crop, made_photos
from assets.click_training.clicks import asked, ious, loss_of
from assets.train_boundaries import save
from liftlab.components.click_network.network import ClickNetwork
from liftlab.components.files import atomic_write

LEARNING_RATE = 2e-3
WARM_UP = 50
"""Steps in which the learning rate rises."""
SAVE_EVERY = 50
"""Steps between checkpoints."""


def main(
    captures: Path,
    out: Path,
    weights: Path,
    steps: int = 3000,
    batch: int = 6,
    clicks: int = 10,
    size: int = 224,
    seed: int = 0,
    stop_after: int | None = None,
) -> None:
    """Train, and write the weights that ship.

    Args:
        captures: Folder of captures with truth.
        out: Folder of the checkpoint; a run that was stopped goes on from there.
        weights: The file to write.
        steps: Of the whole training.
        batch: Crops a step.
        clicks: In each crop.
        size: Side of a crop in pixels, a multiple of 32.
        seed: Of the first weights, the crops and the clicks.
        stop_after: Stop at this step for now.
    """
    out.mkdir(parents=True, exist_ok=True)
    photos = list(made_photos(captures))
    torch.manual_seed(seed)
    network = ClickNetwork()
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=1e-4)
    checkpoint, start, losses, fits = out / "checkpoint.pt", 0, [], []
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(kept["network"])
        optimizer.load_state_dict(kept["optimizer"])
        start = kept["step"]
    print(f"{len(photos)} photos, from step {start}", flush=True)
    stop = steps if stop_after is None else stop_after
    for step in range(start, stop):
        rng = np.random.default_rng([seed, step])
        falling = 0.5 + 0.5 * np.cos(np.pi * step / steps)
        for group in optimizer.param_groups:
            group["lr"] = float(LEARNING_RATE * min(1, (step + 1) / WARM_UP) * falling)
        crops = [labelled_crop(photos[rng.integers(len(photos))], rng, size) for _ in range(batch)]
        given = asked([ids for _, ids in crops], rng, clicks)
        seen = network(torch.from_numpy(np.stack([told for told, _ in crops])))
        odds, quality = network.answer(seen, given.crop, given.at)
        loss = loss_of(seen, odds, quality, given)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        fits.append(ious(odds.detach(), given.meant).mean().item())
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == stop:
            print(
                f"step {step + 1}: loss {np.mean(losses[-SAVE_EVERY:]):.4f}, IoU {np.mean(fits[-SAVE_EVERY:]):.3f}",
                flush=True,
            )
            state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}
            with atomic_write(checkpoint) as file:
                torch.save(state, file)
            save(network, weights)


if __name__ == "__main__":
    tyro.cli(main)
