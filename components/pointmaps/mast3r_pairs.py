"""Pairs by MASt3R or DUSt3R: each photo is encoded once, pairs are decoded in batches, descriptors become matches."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import scipy
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from liftlab.components.errors import InputError
from liftlab.components.files import content_key
from liftlab.components.models.result_cache import ResultCache
from liftlab.components.pointmaps.mast3r_network import PATCH_PX, HeadOutput, PairNetwork
from liftlab.components.pointmaps.pairs import PairFailure, PairResult, cells_of_matches, shrunk
from liftlab.components.types import Array, View

OUTSIDE_CONF = 1.001
"""Confidence of the rim that is cut off because the network takes sides that are multiples of 16 only."""
PAIR_BYTES = 1_500_000_000
"""Memory of one pair of 512 x 384 in a pass of the full-size network, generously."""
ROWS_AT_ONCE = 1024
"""Descriptors compared with all others at a time: 0.8 GB at 512 x 384."""


@dataclass(frozen=True)
class NetworkPairConfig:
    """Choices of the network provider."""

    max_side: int = 512
    """Photos are shrunk to this, pixels: what the networks were trained with."""
    pairs_at_once: int | None = None
    """Pairs decoded in one pass; None: as many as fit into a quarter of the graphics card, 1 on a processor."""
    match_stride: int = 8
    """Descriptors of every n-th pixel of every n-th row are matched; each match stands for its n x n cell."""
    match_tolerance_px: float = 3.0
    """A match whose way there and back ends farther than this from where it began is dropped."""
    min_confident: float = 0.01
    """Pairs where a smaller share of a view's pixels is confident fail."""


class NetworkPairPredictor:
    """`PairPredictor` by a two-view network.

    The network looks at the middle of each photo, cut to sides that are multiples of 16; the rim that is lost takes its
    nearest pixel's point with a confidence of 1, which says that nothing is known.
    """

    conf_valid_threshold = 1.5
    symmetric = False

    def __init__(
        self,
        network: PairNetwork,
        config: NetworkPairConfig | None = None,
        *,
        results: ResultCache | None = None,
    ) -> None:
        self.network, self.config = network, config or NetworkPairConfig()
        self.max_side = self.config.max_side
        self.results = results or ResultCache(None)

    @property
    def pairs_at_once(self) -> int:
        """How many pairs `predict` decodes in one pass."""
        device = getattr(self.network, "device", torch.device("cpu"))
        if self.config.pairs_at_once is not None:
            return self.config.pairs_at_once
        if device.type != "cuda":
            return 1
        free, _ = torch.cuda.mem_get_info(device)
        return max(1, min(16, int(free / 4 / PAIR_BYTES)))

    def __call__(self, view_1: View, view_2: View) -> PairResult | PairFailure:
        """Pointmaps of both views; a typed failure when the network is sure of hardly anything."""
        return self.predict([(view_1, view_2)])[0]

    def predict(self, pairs: Sequence[tuple[View, View]]) -> list[PairResult | PairFailure]:
        """Pointmaps of several pairs, in their order; pairs whose photos have the same sizes share passes."""
        cuts = [(_cut(shrunk(a, self.max_side)), _cut(shrunk(b, self.max_side))) for a, b in pairs]

        def sizes(index: int) -> tuple[tuple[int, int], tuple[int, int]]:
            return cuts[index][0].size, cuts[index][1].size

        out: list[PairResult | PairFailure | None] = [None] * len(pairs)
        for (size_1, size_2), group in groupby(sorted(range(len(pairs)), key=sizes), key=sizes):
            members = list(group)
            for start in range(0, len(members), self.pairs_at_once):
                batch = members[start : start + self.pairs_at_once]
                firsts, seconds = ([self._features(cuts[i][side]) for i in batch] for side in (0, 1))
                decoded = self.network.decode(firsts, seconds, size_1, size_2)
                for i, heads in zip(batch, decoded, strict=True):
                    out[i] = self._result(heads, cuts[i])
        return [result for result in out if result is not None]

    def _features(self, cut: "_Cut") -> Float[Tensor, "T C"]:
        """Encoder features of a photo, kept by its pixels: N photos take N passes, not N (N - 1)."""
        name = hashlib.blake2b(repr(cut.size).encode() + cut.image.tobytes(), digest_size=16).hexdigest()
        key = content_key("pair features", self.network.identity, name)
        return self.results.get(key, lambda: {"features": self.network.encode(cut.image)})["features"]

    def _result(
        self, heads: tuple[HeadOutput, HeadOutput], cuts: tuple["_Cut", "_Cut"]
    ) -> PairResult | PairFailure:
        confident = [float((head.conf > self.conf_valid_threshold).mean()) for head in heads]
        if min(confident) < self.config.min_confident:
            share = 100 * min(confident)
            return PairFailure(
                "no_overlap", f"The network is sure of {share:.1f} % of a photo's pixels only."
            )
        matches = match(heads[0], heads[1], self.config, threshold=self.conf_valid_threshold)
        offset = np.array([cuts[0].left, cuts[0].top, cuts[1].left, cuts[1].top], np.float32)
        return PairResult(
            pts3d_1=cuts[0].widened(heads[0].pts3d),
            pts3d_2=cuts[1].widened(heads[1].pts3d),
            conf_1=cuts[0].rimmed(heads[0].conf),
            conf_2=cuts[1].rimmed(heads[1].conf),
            matches=(matches + offset).astype(np.float32),
            scale_known=self.network.metric,
        )


@dataclass(frozen=True)
class _Cut:
    """The middle of a photo that the network takes, and where it lies."""

    image: UInt8[Array, "h w 3"]
    top: int
    left: int
    full: tuple[int, int]
    """(height, width) of the photo."""

    @property
    def size(self) -> tuple[int, int]:
        return self.image.shape[0], self.image.shape[1]

    @property
    def _rim(self) -> tuple[tuple[int, int], tuple[int, int]]:
        bottom, right = self.full[0] - self.top - self.size[0], self.full[1] - self.left - self.size[1]
        return (self.top, bottom), (self.left, right)

    def widened(self, points: Float[Array, "h w 3"]) -> Float[Array, "H W 3"]:
        """Points for the whole photo; the rim repeats its neighbours."""
        return np.pad(points, (*self._rim, (0, 0)), mode="edge").astype(np.float32)

    def rimmed(self, conf: Float[Array, "h w"]) -> Float[Array, "H W"]:
        """Confidence for the whole photo; nothing is known of the rim."""
        return np.pad(conf, self._rim, constant_values=OUTSIDE_CONF).astype(np.float32)


def _cut(view: View) -> _Cut:
    height, width = view.image.shape[:2]
    inner_height, inner_width = height // PATCH_PX * PATCH_PX, width // PATCH_PX * PATCH_PX
    if inner_height == 0 or inner_width == 0:
        raise InputError(f"The photo {view.name} is too small or too narrow for this network: leave it out.")
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    image = np.ascontiguousarray(view.image[top : top + inner_height, left : left + inner_width])
    return _Cut(image, top, left, (height, width))


def match(
    first: HeadOutput, second: HeadOutput, config: NetworkPairConfig, *, threshold: float
) -> Float[Array, "K 4"]:
    """Pixels that show the same point, as x1, y1, x2, y2, pixel centres at +0.5.

    Nearest neighbours there and back: of descriptors where the network has them, else of points in 3D. Every pixel of
    the cell around a matched pixel moves as that pixel does. Source: MASt3R, ECCV 2024, section 3.3, fast
    reciprocal matching; we stop after the first way back and allow `match_tolerance_px`.
    """
    stride = config.match_stride
    height, width = first.conf.shape
    rows, columns = np.mgrid[stride // 2 : height : stride, stride // 2 : width : stride].reshape(2, -1)
    sure = first.conf[rows, columns] > threshold
    start = (rows * width + columns)[sure]
    if len(start) == 0 or not (second.conf > threshold).any():
        return np.zeros((0, 4), np.float32)
    if first.desc is not None and second.desc is not None:
        there = _nearest_descriptors(first.desc.reshape(-1, first.desc.shape[-1])[start], second.desc)
        back = _nearest_descriptors(second.desc.reshape(-1, second.desc.shape[-1])[there], first.desc)
    else:
        there = _nearest_points(first.pts3d.reshape(-1, 3)[start], second.pts3d)
        back = _nearest_points(second.pts3d.reshape(-1, 3)[there], first.pts3d)
    from_xy, there_xy, back_xy = (
        np.stack([ids % w, ids // w], axis=1)
        for ids, w in ((start, width), (there, second.conf.shape[1]), (back, width))
    )
    good = np.linalg.norm(from_xy - back_xy, axis=1) <= config.match_tolerance_px
    good &= second.conf.reshape(-1)[there] > threshold
    return cells_of_matches(from_xy[good], there_xy[good], stride, first.conf.shape, second.conf.shape)


def _nearest_descriptors(wanted: Float[Array, "K d"], image: Float[Array, "H W d"]) -> Int[Array, "K"]:
    """Index of the pixel with the most similar descriptor."""
    pool = torch.from_numpy(np.ascontiguousarray(image.reshape(-1, image.shape[-1]))).T
    queries = torch.from_numpy(np.ascontiguousarray(wanted))
    found = [
        (queries[i : i + ROWS_AT_ONCE] @ pool).argmax(dim=1) for i in range(0, len(queries), ROWS_AT_ONCE)
    ]
    return torch.cat(found).numpy()


def _nearest_points(wanted: Float[Array, "K 3"], image: Float[Array, "H W 3"]) -> Int[Array, "K"]:
    """Index of the pixel with the nearest point."""
    _, found = scipy.spatial.KDTree(image.reshape(-1, 3)).query(wanted, workers=-1)
    return np.asarray(found, np.int64)
