"""A sentence encoder (all-MiniLM-L6-v2) in plain PyTorch: a BERT whose tokens are averaged; reads any phrase.

Its weights do not ship; the word vectors that do were made with it (`assets/make_words.py`).

Sources: Devlin et al., BERT, NAACL 2019; Wang et al., MiniLM, NeurIPS 2020; Reimers and Gurevych, Sentence-BERT, EMNLP
2019 (mean over tokens, unit length).
"""

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional as F

from liftlab.components.errors import InputError
from liftlab.components.text.word_vectors import TextEncoder, word_vectors
from liftlab.components.types import Array

HEADS = 12
EPSILON = 1e-12
"""Of BERT's layer norms."""
BATCH = 64


class SentenceEncoder:
    """Texts to unit vectors (384 numbers with MiniLM's weights); a `TextEncoder`."""

    def __init__(
        self,
        weights: Mapping[str, np.ndarray],
        vocabulary: Sequence[str],
        *,
        identity: str,
        heads: int = HEADS,
    ) -> None:
        """Take weights by the names of Hugging Face's BERT, and the WordPiece vocabulary in its order."""
        self.identity, self.heads = identity, heads
        self.weights = {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}
        self.number = {piece: index for index, piece in enumerate(vocabulary)}
        self.layers = len({name.split(".")[2] for name in weights if name.startswith("encoder.layer.")})

    def encode_texts(self, texts: Sequence[str]) -> Float32[Array, "T D"]:
        """Unit embeddings of texts; zero for a text without a word."""
        width = self.weights["embeddings.LayerNorm.weight"].shape[0]
        out = np.zeros((len(texts), width), np.float32)
        said = [place for place, text in enumerate(texts) if split(text)]
        with torch.no_grad():
            for start in range(0, len(said), BATCH):
                part = said[start : start + BATCH]
                out[part] = self([texts[place] for place in part]).numpy()
        return out

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors [T, D] of texts that say something."""
        longest = len(self.weights["embeddings.position_embeddings.weight"])
        first, last = self.number["[CLS]"], self.number["[SEP]"]
        read = [[p for w in split(text) for p in self._pieces(w)][: longest - 2] for text in texts]
        pieces = [[first, *own, last] for own in read]
        width = max(len(one) for one in pieces)
        ids = torch.tensor([one + [0] * (width - len(one)) for one in pieces])
        there = torch.tensor([[1.0] * len(one) + [0.0] * (width - len(one)) for one in pieces])
        x = self._embedded(ids)
        for layer in range(self.layers):
            x = self._layer(f"encoder.layer.{layer}.", x, there)
        mean = (x * there[..., None]).sum(dim=1) / there.sum(dim=1, keepdim=True)
        return F.normalize(mean, dim=1)

    def _pieces(self, word: str) -> list[int]:
        """WordPiece: the longest known beginning, then the longest known continuation, and so on."""
        out, start = [], 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = ("##" if start else "") + word[start:end]
                if piece in self.number:
                    out.append(self.number[piece])
                    start = end
                    break
            else:
                return [self.number["[UNK]"]]
        return out

    def _embedded(self, ids: Tensor) -> Tensor:
        table = self.weights
        x = table["embeddings.word_embeddings.weight"][ids]
        x = x + table["embeddings.position_embeddings.weight"][: ids.shape[1]]
        x = x + table["embeddings.token_type_embeddings.weight"][0]
        return self._norm("embeddings.LayerNorm", x)

    def _layer(self, name: str, x: Tensor, there: Tensor) -> Tensor:
        q, k, v = (
            self._linear(f"{name}attention.self.{part}", x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=there[:, None, None, :].bool())
        attended = self._linear(f"{name}attention.output.dense", mixed.transpose(1, 2).flatten(2))
        x = self._norm(f"{name}attention.output.LayerNorm", x + attended)
        wide = F.gelu(self._linear(f"{name}intermediate.dense", x))
        return self._norm(f"{name}output.LayerNorm", x + self._linear(f"{name}output.dense", wide))

    def _linear(self, name: str, x: Tensor) -> Tensor:
        return F.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _norm(self, name: str, x: Tensor) -> Tensor:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return F.layer_norm(x, (x.shape[-1],), weight, bias, EPSILON)


def split(text: str) -> list[str]:
    """Words and single punctuation marks in small letters."""
    return re.findall(r"\w+|[^\w\s]", text.lower())


def read_sentence_encoder(folder: Path) -> SentenceEncoder:
    """The encoder of a folder with model.safetensors and vocab.txt.

    Raises:
        InputError: They are not there, or something else.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        data = (folder / "model.safetensors").read_bytes()
        vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
        identity = f"sentences-{hashlib.sha256(data).hexdigest()[:16]}"
        encoder = SentenceEncoder(load(data), vocabulary, identity=identity)
        encoder.encode_texts(["cup"])
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise InputError(
            f"This folder holds no sentence encoder (model.safetensors and vocab.txt of a MiniLM; {error}): {folder}"
        ) from error
    return encoder


def chosen_text_encoder(choice: str, *, device: torch.device | None = None) -> TextEncoder:
    """Empty: the word vectors that ship; "open_clip": its text tower; else the sentence encoder of a folder.

    Raises:
        InputError: The weights are not here.
    """
    if not choice:
        return word_vectors()
    if choice == "open_clip":
        from liftlab.components.models import ModelStore
        from liftlab.components.text.open_clip import load_encoder

        return load_encoder(ModelStore.open(os.environ), device=device or torch.device("cpu"))
    return read_sentence_encoder(Path(choice).expanduser())
