"""all-MiniLM-L6-v2 in plain PyTorch: a BERT of six layers whose tokens are averaged; for making word vectors.

Sources: Devlin et al., BERT, NAACL 2019; Wang et al., MiniLM, NeurIPS 2020; Reimers and Gurevych, Sentence-BERT, EMNLP
2019 (mean over tokens, unit length).
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

HEADS, LAYERS = 12, 6
EPSILON = 1e-12
"""Of BERT's layer norms."""


class MiniLm:
    """Texts to unit vectors of 384 numbers."""

    def __init__(self, weights: Mapping[str, np.ndarray], vocabulary: Sequence[str]) -> None:
        self.weights = {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}
        self.number = {piece: index for index, piece in enumerate(vocabulary)}

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors [T, 384]."""
        pieces = [
            [self.number["[CLS]"], *(p for w in split(text) for p in self._pieces(w)), self.number["[SEP]"]]
            for text in texts
        ]
        width = max(len(one) for one in pieces)
        ids = torch.tensor([one + [0] * (width - len(one)) for one in pieces])
        there = torch.tensor([[1.0] * len(one) + [0.0] * (width - len(one)) for one in pieces])
        x = self._embedded(ids)
        for layer in range(LAYERS):
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
            self._linear(f"{name}attention.self.{part}", x).unflatten(-1, (HEADS, -1)).transpose(1, 2)
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
