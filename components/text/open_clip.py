"""OpenCLIP as a `TextImageEncoder`: any architecture of the package, weights from a file and never from the network.

The package is `open_clip_torch` (MIT). Pictures are prepared here, from the numbers that each architecture states.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float32, UInt8

from liftlab.components.errors import InputError
from liftlab.components.models.catalogue import ModelEntry
from liftlab.components.models.checkpoint import load_checkpoint, load_weights
from liftlab.components.models.states import model_status
from liftlab.components.models.store import ModelStore
from liftlab.components.types import Array

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Of the photos CLIP was trained on, RGB in [0, 1]; architectures that differ say so."""
TEXTS_KEPT = 512
BATCH = 16
INSTALL = "pip install 'liftlab[open_clip]'"


class OpenClipEncoder:
    """A model on its device with the latest texts it read. Safe to use from several threads."""

    def __init__(self, model: Any, tokenizer: Any, identity: str) -> None:
        """
        Args:
            model: `open_clip.CLIP` or alike, in evaluation mode.
            tokenizer: Texts to token ids [T, L].
            identity: Names weights and architecture.
        """
        self.model = model
        self.tokenizer = tokenizer
        self.identity = identity
        visual = model.visual
        size = getattr(visual, "image_size", 224)
        self.side = int(size[0] if isinstance(size, tuple | list) else size)
        settings = getattr(visual, "preprocess_cfg", {}) or {}
        self.mean = tuple(settings.get("mean") or MEAN)
        self.std = tuple(settings.get("std") or STD)
        self.device = next(model.parameters()).device
        self._texts: OrderedDict[str, Float32[Array, "D"]] = OrderedDict()
        self._lock = threading.Lock()

    def encode_images(self, images: Sequence[UInt8[Array, "_ _ 3"]]) -> Float32[Array, "N D"]:
        """Unit embeddings of RGB pictures, each resized to the model's square."""
        pieces = []
        for start in range(0, len(images), BATCH):
            batch = torch.stack([self._prepared(image) for image in images[start : start + BATCH]])
            with torch.inference_mode():
                pieces.append(self.model.encode_image(batch.to(self.device), normalize=True).float().cpu())
        return torch.cat(pieces).numpy()

    def encode_texts(self, texts: Sequence[str]) -> Float32[Array, "T D"]:
        """Unit embeddings of texts; what was read lately is not read again."""
        with self._lock:
            missing = [text for text in dict.fromkeys(texts) if text not in self._texts]
            if missing:
                with torch.inference_mode():
                    tokens = self.tokenizer(missing).to(self.device)
                    encoded = self.model.encode_text(tokens, normalize=True).float().cpu().numpy()
                self._texts.update(zip(missing, encoded, strict=True))
            for text in texts:
                self._texts.move_to_end(text)
            out = np.stack([self._texts[text] for text in texts])
            while len(self._texts) > TEXTS_KEPT:
                self._texts.popitem(last=False)
        return out

    def _prepared(self, image: UInt8[Array, "_ _ 3"]) -> torch.Tensor:
        shrinks = max(image.shape[:2]) > self.side
        way = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        square = cv2.resize(image, (self.side, self.side), interpolation=way)
        pixels = torch.from_numpy(square).permute(2, 0, 1).float() / 255
        mean, std = (torch.tensor(value).view(3, 1, 1) for value in (self.mean, self.std))
        return (pixels - mean) / std


def build(architecture: str, *, device: torch.device, weights: Path | None, seed: int = 0) -> OpenClipEncoder:
    """A model of the package; the network is never asked.

    Args:
        architecture: One of `open_clip.list_models()`.
        device: Where it runs.
        weights: Checkpoint; None gives random weights, which tests use.
        seed: Of random weights.

    Raises:
        InputError: The package is missing, there is no such architecture, or the file is not of this model.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # else a missing file costs 47 s of retries (hub 1.x)
    try:
        import open_clip
    except ImportError as error:
        raise InputError(
            f"Search by an image-text model needs the package open_clip_torch: run `{INSTALL}`."
        ) from error
    if architecture not in open_clip.list_models():
        raise InputError(
            f"The package open_clip has no architecture '{architecture}': update it, or take another model."
        )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = open_clip.create_model(architecture, pretrained=None, device="cpu", require_pretrained=False)
    identity = f"{architecture}, random {seed}"
    if weights is not None:
        load_weights(model, load_checkpoint(weights), weights)
        stat = weights.stat()
        identity = f"{architecture}, {weights.name}, {stat.st_size}, {stat.st_mtime_ns}"
    return OpenClipEncoder(model.eval().to(device), open_clip.get_tokenizer(architecture), identity)


def chosen_entry(store: ModelStore, *, device: torch.device) -> ModelEntry:
    """The model to use: of those whose file is here the finest for a graphics card, the quickest for a processor.

    Raises:
        InputError: None is here; the sentence has the command that brings one.
    """
    entries = [entry for entry in store.entries if entry.task == "text"]
    ready = [entry for entry in entries if model_status(store, entry).state == "ready"]
    if ready:
        return (max if device.type == "cuda" else min)(ready, key=lambda entry: entry.memory_megabytes)
    free = min((e for e in entries if not e.non_commercial), key=lambda e: e.memory_megabytes)
    raise InputError(
        f"No image-text model is here. {model_status(store, free).sentence} Until then words are read by --encoder "
        "attributes."
    )


def load_encoder(store: ModelStore, *, device: torch.device) -> OpenClipEncoder:
    """The model that `chosen_entry` names, with its weights checked against their recorded checksum."""
    entry = chosen_entry(store, device=device)
    return build(str(entry.settings["architecture"]), device=device, weights=store.verified(entry))
