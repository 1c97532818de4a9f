"""Boundaries of things in one photo, and the tree of regions between them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from liftlab.components.boundaries.network import (
    boundaries,
    boundary_inputs,
    boundary_network,
)
from liftlab.components.boundaries.region_tree import region_tree


def photo_of_a_disc(height: int = 120, width: int = 150) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A photo, its depth and where the disc is: a disc before a wall, each with its own texture."""
    rng = np.random.default_rng(3)
    inside = np.zeros((height, width), np.uint8)
    cv2.circle(inside, (80, 60), 35, 1, cv2.FILLED)
    light = cv2.GaussianBlur(rng.normal(size=(height, width)).astype(np.float32), (0, 0), 2)[..., None]
    image = np.where(inside[..., None] > 0, [170, 60, 50], [120, 130, 140]) + 60 * light
    depth = np.where(inside, 1.6, 2.0).astype(np.float32)
    return np.clip(image, 0, 255).astype(np.uint8), depth, inside.astype(bool)


def random_regions(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.kron(np.arange(20).reshape(4, 5), np.ones((3, 4), int))
    labels = rng.permutation(20)[labels].astype(np.int32)
    return labels, rng.random(labels.shape, np.float32)


@pytest.mark.parametrize("seed", range(4))
def test_regions_join_as_literal_average_linkage_joins_them(seed: int) -> None:
    labels, boundary = random_regions(seed)
    tree = region_tree(labels, boundary)
    thick = cv2.dilate(boundary, np.ones((3, 3), np.uint8)).astype(float)
    now = labels.copy()
    for (a, b), height in zip(tree.children.tolist(), tree.height.tolist(), strict=True):
        between: dict[tuple[int, int], list[float]] = {}
        for mine, theirs, here, there in (
            (now[:-1], now[1:], thick[:-1], thick[1:]),
            (now[:, :-1], now[:, 1:], thick[:, :-1], thick[:, 1:]),
        ):
            for i, j in zip(*np.nonzero(mine != theirs), strict=True):
                key = tuple(sorted((int(mine[i, j]), int(theirs[i, j]))))
                between.setdefault(key, []).append((here[i, j] + there[i, j]) / 2)  # pyright: ignore[reportArgumentType]
        means = {key: float(np.mean(values)) for key, values in between.items()}
        assert means[min(a, b), max(a, b)] == pytest.approx(min(means.values()), abs=1e-6)
        assert height >= means[min(a, b), max(a, b)] - 1e-6
        now[(now == a) | (now == b)] = len(np.unique(labels)) + tree.children.tolist().index([a, b])
    assert len(np.unique(now)) == 1 and len(tree.children) == 19


def test_cuts_are_nested_and_end_in_one_region() -> None:
    labels, boundary = random_regions(5)
    tree = region_tree(labels, boundary)
    assert (np.diff(tree.height) >= 0).all()
    assert (tree.cut(-1.0) == np.arange(20)).all() and (tree.cut(1.0) == 0).all()
    finer = tree.cut(float(tree.height[5]))
    coarser = tree.cut(float(tree.height[12]))
    assert len(np.unique(finer)) == 14 and len(np.unique(coarser)) == 7
    for region in np.unique(finer):
        assert len(np.unique(coarser[finer == region])) == 1


def test_one_region_has_nothing_to_join() -> None:
    tree = region_tree(np.zeros((4, 5), np.int32), np.ones((4, 5), np.float32))
    assert len(tree.children) == 0 and tree.cut(1.0).tolist() == [0]


def test_what_is_told_of_depth_knows_no_unit_and_nothing_where_it_is_unknown() -> None:
    image, depth, _ = photo_of_a_disc()
    depth[:40] = 0
    told = boundary_inputs(image, depth)
    assert np.allclose(told, boundary_inputs(image, 7 * depth), atol=1e-3)
    assert (told[3:, :40] == 0).all() and (told[5, 40:] == 1).all()


@pytest.mark.parametrize("known", [True, False])
def test_the_outline_of_a_thing_is_seen_and_its_texture_is_not(known: bool) -> None:
    image, depth, inside = photo_of_a_disc()
    chance = boundaries(boundary_network(), image, depth if known else np.zeros_like(depth))
    rim = cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).astype(
        bool
    )
    inner = cv2.erode(inside.astype(np.uint8), np.ones((15, 15), np.uint8)).astype(bool)
    assert chance.shape == inside.shape and chance.min() >= 0 and chance.max() <= 1
    assert np.allclose(chance * 255, np.round(chance * 255), atol=1e-4)
    assert chance[rim].mean() > 0.6 and chance[inner].mean() < 0.15


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_sees_the_same() -> None:
    image, depth, _ = photo_of_a_disc()
    on_gpu = boundaries(boundary_network().to("cuda"), image, depth)
    assert np.abs(boundaries(boundary_network().to("cpu"), image, depth) - on_gpu).max() < 0.02


def test_a_training_that_is_stopped_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    from assets.train_boundaries import main

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
    main(captures, tmp_path / "whole", steps=4, batch=2, size=32, weights=whole)
    main(captures, tmp_path / "parts", steps=4, batch=2, size=32, weights=parts, stop_after=2)
    main(captures, tmp_path / "parts", steps=4, batch=2, size=32, weights=parts)
    assert whole.read_bytes() == parts.read_bytes()
