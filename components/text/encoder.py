"""What an image-text model offers, pictures of objects for it, and how well objects fit words by it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from liftlab.components.masks.cache import MaskCache
from liftlab.components.progress import CancelToken, Progress
from liftlab.components.types import Array, Scene

NEGATIONS = (
    " but not ", " not ", " without ", " except for ", " except ", " excluding ", " other than ", " apart from ",
    " aside from ", " anything but ", " everything but ", " all but ",
)  # fmt: skip
"""What stands between what is wanted and what is not, longest first."""


@runtime_checkable
class TextImageEncoder(Protocol):
    """Puts pictures and texts into one space, where near means alike. Methods may be called from several threads."""

    identity: str
    """Names weights and architecture in keys of kept embeddings."""

    def encode_images(self, images: Sequence[UInt8[Array, "_ _ 3"]]) -> Float32[Array, "N D"]:
        """Unit embeddings of RGB pictures of any size."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Float32[Array, "T D"]:
        """Unit embeddings of texts."""
        ...


@dataclass(frozen=True)
class CropConfig:
    """How objects are shown to an image-text model."""

    background: Literal["blurred", "grey", "black", "kept"] = "blurred"
    """What surrounds the object in its crop: blurred (the model still sees where it stands), one grey, black, or as it
    is."""
    margin: float = 0.15
    """Added round the object's box, as a share of its longer side."""
    min_pixels: int = 400
    """An object smaller than this in a view is not shown from it, unless it is that small in all."""
    max_views: int = 6
    """The views that show most of an object are averaged, at most this many."""


def embed_objects(
    scene: Scene,
    masks: MaskCache,
    object_ids: Sequence[int],
    encoder: TextImageEncoder,
    config: CropConfig,
    *,
    progress: Progress,
    cancel: CancelToken,
) -> Float32[Array, "O D"]:
    """One unit embedding per object: the mean over the views that show it large enough; zero where none does.

    Raises:
        Cancelled: `cancel` was set.
    """
    out: list[Float32[Array, "D"] | None] = []
    for done, object_id in enumerate(object_ids):
        cancel.check()
        progress(done / max(len(object_ids), 1), f"Looking at object {done + 1} of {len(object_ids)}")
        crops = object_crops(scene, masks, int(object_id), config)
        if not crops:
            out.append(None)
            continue
        mean = encoder.encode_images(crops).mean(axis=0)
        out.append(mean / max(float(np.linalg.norm(mean)), 1e-9))
    dimensions = next((len(one) for one in out if one is not None), 1)
    progress(1.0, "Looked at every object")
    return np.array([np.zeros(dimensions) if one is None else one for one in out], np.float32).reshape(
        len(out), dimensions
    )


def object_crops(
    scene: Scene, masks: MaskCache, object_id: int, config: CropConfig
) -> list[UInt8[Array, "_ _ 3"]]:
    """Square pictures of an object, from the view that shows most of it on."""
    areas = [masks.area(view, object_id) for view in range(masks.num_views)]
    order = sorted((v for v in range(len(areas)) if areas[v]), key=lambda v: -areas[v])
    large = [v for v in order if areas[v] >= config.min_pixels] or order[:1]
    return [crop(scene, masks, v, object_id, config) for v in large[: config.max_views]]


def crop(
    scene: Scene, masks: MaskCache, view: int, object_id: int, config: CropConfig
) -> UInt8[Array, "S S 3"]:
    """A square picture of an object as one view shows it."""
    image, mask = scene.views[view].image, masks.mask(view, object_id)
    shade = 0 if config.background == "black" else 127
    if config.background != "kept":
        sigma = 0.02 * max(image.shape[:2])
        around = (
            cv2.GaussianBlur(image, (0, 0), sigma)
            if config.background == "blurred"
            else np.full_like(image, shade)
        )
        image = np.where(mask[..., None], image, around)
    rows, columns = masks.box(view, object_id)
    side = max(rows.stop - rows.start, columns.stop - columns.start)
    half = int(np.ceil(side * (0.5 + config.margin)))
    row, column = (rows.start + rows.stop) // 2, (columns.start + columns.stop) // 2
    padded = cv2.copyMakeBorder(image, half, half, half, half, cv2.BORDER_CONSTANT, value=(shade,) * 3)
    return np.ascontiguousarray(padded[row : row + 2 * half, column : column + 2 * half])


def relevancy_of_text(
    embeddings: Float32[Array, "O D"], text: str, encoder: TextImageEncoder
) -> Float32[Array, "O"]:
    """How well objects fit a text, in [0, 1]; 0.5 = as well as any object. "cup, not blue" asks for both.

    Source: Kerr et al., LERF, ICCV 2023, eq. 2. We differ: what stands after "not" counts against an object, by one
    minus its own relevancy.
    """
    wanted, unwanted = split_negation(text)
    phrases = [*wanted, *unwanted]
    from liftlab.components.metrics.text import CANONICAL_PHRASES, relevancy  # metrics load much of scipy

    encoded = encoder.encode_texts([*CANONICAL_PHRASES, *phrases]).astype(np.float64)
    canonical, queries = encoded[: len(CANONICAL_PHRASES)], encoded[len(CANONICAL_PHRASES) :]
    seen = np.linalg.norm(embeddings, axis=1) > 0
    out = np.ones(len(embeddings))
    for index, query in enumerate(queries):
        fit = relevancy(embeddings.astype(np.float64), query, canonical)
        out = out * (fit if index < len(wanted) else 1 - fit)
    return np.where(seen, out, 0.0).astype(np.float32)


def split_negation(text: str) -> tuple[list[str], list[str]]:
    """What is wanted and what is not: "cup, not blue" is (["cup"], ["blue"])."""
    rest = f" {' '.join(text.casefold().replace(',', ' , ').split())} "
    for word in NEGATIONS:
        rest = rest.replace(word, " \0 ")
    parts = [part.strip(" ,") for part in rest.split("\0")]
    return [part for part in parts[:1] if part], [part for part in parts[1:] if part]
