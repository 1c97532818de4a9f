"""A stand-in for MASt3R and DUSt3R that reads its answers off the toy scene."""

from collections.abc import Sequence

import numpy as np
import torch

from liftlab.components.geometry.projection import transform
from liftlab.components.pointmaps.mast3r_network import HeadOutput
from tests.toy import Toy


class KnowingNetwork:
    """Reads the truth off the toy: pointmaps in the first camera, scaled by a factor of the pair's own."""

    identity, metric = "knowing", True

    def __init__(self, toy: Toy, *, describes: bool = True) -> None:
        self.toy, self.describes = toy, describes
        self.encoded: list[int] = []
        """Views in the order they were encoded."""
        self.decoded: list[int] = []
        """Pairs per pass."""

    def encode(self, image: np.ndarray) -> torch.Tensor:
        height, width = image.shape[:2]
        for index, view in enumerate(self.toy.scene.views):
            top, left = (view.image.shape[0] - height) // 2, (view.image.shape[1] - width) // 2
            if np.array_equal(view.image[top : top + height, left : left + width], image):
                self.encoded.append(index)
                return torch.full((1, 1), float(index))
        raise AssertionError("a photo that the toy does not have")

    def decode(
        self,
        firsts: Sequence[torch.Tensor],
        seconds: Sequence[torch.Tensor],
        size_1: tuple[int, int],
        size_2: tuple[int, int],
    ) -> list[tuple[HeadOutput, HeadOutput]]:
        self.decoded.append(len(firsts))
        return [
            (self._seen(int(a), int(a), int(b), size_1), self._seen(int(b), int(a), int(b), size_2))
            for a, b in zip(firsts, seconds, strict=True)
        ]

    def _seen(self, view: int, first: int, second: int, size: tuple[int, int]) -> HeadOutput:
        scene = self.toy.scene
        full = scene.pointmap.pts3d[view]
        top, left = (full.shape[0] - size[0]) // 2, (full.shape[1] - size[1]) // 2
        world = full[top : top + size[0], left : left + size[1]].astype(np.float64)
        valid = scene.pointmap.valid[view, top : top + size[0], left : left + size[1]]
        points = transform(scene.views[first].camera.world_to_camera, world) * (
            1 + 0.3 * first + 0.1 * second
        )
        desc = np.concatenate([wave(world * f) for f in (0.5, 4.0) for wave in (np.sin, np.cos)], axis=-1)
        desc /= np.linalg.norm(desc, axis=-1, keepdims=True)
        conf = np.where(valid, 4.0, 1.0).astype(np.float32)
        return HeadOutput(
            points.astype(np.float32), conf, desc.astype(np.float32) if self.describes else None
        )
