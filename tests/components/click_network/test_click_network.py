"""The network that sees the thing under a click, and what is proposed from it."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from liftlab.components.click_network.config import ClickProposalConfig
from liftlab.components.click_network.network import MASK_LAYERS, STRIDE, WAY_SCALE, ClickNetwork, SeenPhotos
from liftlab.components.click_network.proposals import (
    ClickProposer,
    PhotoAnswers,
    answers_of,
    click_network,
    distinct,
    look,
)
from liftlab.components.errors import Cancelled
from liftlab.components.masks.protocols import ProposalInput
from liftlab.components.progress import CancelToken


def photo_of_a_disc(height: int = 150, width: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A photo, its depth and where the disc is: a disc before a wall, each with its own texture."""
    rng = np.random.default_rng(3)
    inside = np.zeros((height, width), np.uint8)
    cv2.circle(inside, (90, 70), 40, 1, cv2.FILLED)
    light = cv2.GaussianBlur(rng.normal(size=(height, width)).astype(np.float32), (0, 0), 2)[..., None]
    image = np.where(inside[..., None] > 0, [170, 60, 50], [120, 130, 140]) + 60 * light
    depth = np.where(inside, 1.6, 2.0).astype(np.float32)
    return np.clip(image, 0, 255).astype(np.uint8), depth, inside.astype(bool)


def as_input(image: np.ndarray, depth: np.ndarray) -> ProposalInput:
    return ProposalInput(
        image, depth, np.zeros((*depth.shape, 3), np.float32), np.zeros((1, *depth.shape), np.int32)
    )


def untrained(seed: int = 0) -> ClickNetwork:
    torch.manual_seed(seed)
    return ClickNetwork(widths=(6, 8, 10, 12, 14)).eval()


@torch.no_grad()
def seen_by(network: ClickNetwork, photos: int = 1, height: int = 64, width: int = 96) -> SeenPhotos:
    return network(torch.rand(photos, 6, height, width))


@pytest.mark.parametrize("known", [True, False], ids=["depth", "no depth"])
def test_a_click_on_a_thing_is_answered_by_the_thing(known: bool) -> None:
    image, depth, inside = photo_of_a_disc()
    seen, size = look(click_network(), image, depth if known else np.zeros_like(depth), 640)
    assert size == depth.shape
    at = torch.tensor([[90.5, 70.5], [80.5, 85.5], [20.5, 20.5]])
    with torch.no_grad():
        odds, quality = click_network().answer(seen, torch.zeros(3, dtype=torch.long), at)
    shown = odds[:, : inside.shape[0] // STRIDE, : inside.shape[1] // STRIDE].numpy() > 0
    true = inside[::STRIDE, ::STRIDE]
    for mask in shown[:2]:
        assert (mask & true).sum() / (mask | true).sum() > 0.6
    assert shown[2][true].mean() < 0.2  # the wall is not the disc
    assert torch.sigmoid(quality[:2]).min() > 0.5


@torch.no_grad()
def test_an_answer_is_the_small_network_that_its_click_brings() -> None:
    network = untrained()
    seen = seen_by(network, photos=2)
    photo, at = torch.tensor([1, 0, 1]), torch.tensor([[10.5, 20.5], [60.0, 33.0], [95.5, 63.5]])
    odds, _ = network.answer(seen, photo, at)
    rng = np.random.default_rng(0)
    for query in range(3):
        code = []
        for level in seen.levels:  # read where the click is, between the four nearest places
            one = level[photo[query]].double().numpy()
            height, width = one.shape[1:]
            x = np.clip(at[query, 0].item() * width / 96 - 0.5, 0, width - 1)
            y = np.clip(at[query, 1].item() * height / 64 - 0.5, 0, height - 1)
            left, top = int(x), int(y)
            right, down = min(left + 1, width - 1), min(top + 1, height - 1)
            above = one[:, top, left] * (left + 1 - x) + one[:, top, right] * (x - left)
            below = one[:, down, left] * (left + 1 - x) + one[:, down, right] * (x - left)
            code.append(above * (top + 1 - y) + below * (y - top))
        given = torch.from_numpy(np.concatenate(code)).float()[None]
        weights = network.to_weights(network.ask(given))[0].double().numpy()
        for _ in range(5):
            row, column = int(rng.integers(32)), int(rng.integers(48))
            way = [
                (column + 0.5 - at[query, 0].item() / 2) / WAY_SCALE,
                (row + 0.5 - at[query, 1].item() / 2) / WAY_SCALE,
            ]
            value = np.array([*seen.places[photo[query], :, row, column].tolist(), *way])
            start = 0
            for number, (inputs, outputs) in enumerate(MASK_LAYERS):
                matrix = weights[start : start + inputs * outputs].reshape(outputs, inputs) / math.sqrt(
                    inputs
                )
                start += inputs * outputs
                value = matrix @ value + weights[start : start + outputs]
                start += outputs
                if number < len(MASK_LAYERS) - 1:
                    value = np.maximum(value, 0)
            assert odds[query, row, column].item() == pytest.approx(value[0], abs=1e-4)


@torch.no_grad()
def test_a_coarse_answer_is_every_second_place_of_a_fine_one() -> None:
    network = untrained(1)
    seen, at = seen_by(network), torch.rand(4, 2) * 60
    photo = torch.zeros(4, dtype=torch.long)
    fine, coarse = network.answer(seen, photo, at)[0], network.answer(seen, photo, at, every=2)[0]
    assert torch.allclose(fine[:, ::2, ::2], coarse, atol=1e-5)


def test_clicks_lie_all_over_the_photo_in_its_own_pixels_whatever_the_network_is_shown() -> None:
    image, depth, _ = photo_of_a_disc()
    for longer_side in (640, 100):
        config = ClickProposalConfig(longer_side=longer_side, every_px=20)
        found, _, size = answers_of(untrained(), image, depth, config, CancelToken())
        assert max(size) == min(longer_side, 200)
        assert len(found.at) == len(found.quality) == len(found.masks)
        assert found.masks.shape[1:] == (-(-size[0] // 4), -(-size[1] // 4))
        step = 20 * 200 / size[1]
        assert found.at.min() == pytest.approx(step / 2)
        assert (found.at.max(axis=0) >= np.array([200, 150]) - 1.5 * step).all()
        assert (found.at < [200, 150]).all()


def test_of_alike_masks_the_better_stays_and_bad_ones_go() -> None:
    masks = np.zeros((5, 4, 4), bool)
    masks[0, :2] = masks[1, :2] = True
    masks[1, 2, 0] = True  # 8 of 9 in common with the first
    masks[2, :, 3] = True
    masks[3] = True
    at = np.zeros((5, 2), np.float32)
    quality = np.array([0.7, 0.9, 0.6, 0.3, 0.95], np.float32)
    bits = np.packbits(masks.reshape(5, -1), axis=1)
    config = ClickProposalConfig(min_quality=0.5, duplicate=0.75)
    pixels = np.arange(4), np.arange(4)
    assert distinct(PhotoAnswers(at, bits, (4, 4), quality, *pixels), config) == [1, 2]  # the last is empty
    assert distinct(PhotoAnswers(at, bits, (4, 4), quality, *pixels), ClickProposalConfig(max_masks=1)) == [1]


def test_the_disc_is_proposed_and_a_cancelled_look_ends() -> None:
    image, depth, inside = photo_of_a_disc()
    proposer = ClickProposer(click_network(), ClickProposalConfig())
    found = proposer.propose(as_input(image, depth), cancel=CancelToken())
    assert found.masks.shape[1:] == depth.shape and len(found.masks) == len(found.scores)
    assert (np.diff(found.scores) <= 0).all() and found.scores.min() >= 0.5
    best = max((mask & inside).sum() / (mask | inside).sum() for mask in found.masks)
    assert best > 0.6
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        proposer.propose(as_input(image, depth), cancel=token)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_sees_the_same() -> None:
    image, depth, _ = photo_of_a_disc()
    config = ClickProposalConfig()
    on_gpu, *_ = answers_of(click_network().to("cuda"), image, depth, config, CancelToken())
    on_cpu, *_ = answers_of(click_network().to("cpu"), image, depth, config, CancelToken())
    assert (on_gpu.masks != on_cpu.masks).mean() < 0.005
    assert np.abs(on_gpu.quality - on_cpu.quality).max() < 0.02


def test_a_training_that_is_stopped_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    from assets.train_click_network import main

    captures = tmp_path / "made"
    image, depth, inside = photo_of_a_disc()
    for name in ("a", "b"):
        for folder in ("images", "truth/instance", "truth/depth"):
            (captures / name / folder).mkdir(parents=True)
        cv2.imwrite(str(captures / name / "images/0.png"), image)
        cv2.imwrite(str(captures / name / "truth/instance/0.png"), inside.astype(np.uint8))
        np.savez(captures / name / "truth/depth/0.npz", depth=depth)
        (captures / name / "truth/objects.json").write_text("[]")
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    main(captures, tmp_path / "whole", weights=whole, steps=4, batch=2, clicks=3, size=64)
    main(captures, tmp_path / "parts", weights=parts, steps=4, batch=2, clicks=3, size=64, stop_after=2)
    main(captures, tmp_path / "parts", weights=parts, steps=4, batch=2, clicks=3, size=64)
    assert whole.read_bytes() == parts.read_bytes()
