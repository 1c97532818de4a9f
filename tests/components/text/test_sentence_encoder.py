"""The sentence encoder with a tiny random model: shapes, laws, what it refuses."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from liftlab.components.errors import InputError
from liftlab.components.text.sentence_encoder import (
    SentenceEncoder,
    chosen_text_encoder,
    read_sentence_encoder,
)
from liftlab.components.text.word_vectors import TextEncoder, word_vectors

pytestmark = pytest.mark.usefixtures("one_torch_thread")
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "cup", "tea", "##pot", "##s", "red", "the"]
WIDTH, LONGEST = 24, 8


def tiny(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        return (rng.normal(size=shape) / np.sqrt(shape[-1])).astype(np.float32)

    weights = {
        "embeddings.word_embeddings.weight": draw(len(PIECES), WIDTH),
        "embeddings.position_embeddings.weight": draw(LONGEST, WIDTH),
        "embeddings.token_type_embeddings.weight": draw(2, WIDTH),
    }
    parts = {
        "attention.self.query": (WIDTH, WIDTH), "attention.self.key": (WIDTH, WIDTH),
        "attention.self.value": (WIDTH, WIDTH), "attention.output.dense": (WIDTH, WIDTH),
        "intermediate.dense": (48, WIDTH), "output.dense": (WIDTH, 48),
    }  # fmt: skip
    norms = ["embeddings.LayerNorm"]
    for layer in range(2):
        for name, shape in parts.items():
            weights[f"encoder.layer.{layer}.{name}.weight"] = draw(*shape)
            weights[f"encoder.layer.{layer}.{name}.bias"] = draw(shape[0])
        norms += [f"encoder.layer.{layer}.{name}.LayerNorm" for name in ("attention.output", "output")]
    for name in norms:
        weights |= {f"{name}.weight": np.ones(WIDTH, np.float32), f"{name}.bias": np.zeros(WIDTH, np.float32)}
    return weights


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> SentenceEncoder:
    folder = tmp_path_factory.mktemp("sentences")
    save_file(tiny(), folder / "model.safetensors")
    (folder / "vocab.txt").write_text("\n".join(PIECES), encoding="utf-8")
    return read_sentence_encoder(folder)


def test_texts_become_unit_vectors_whatever_stands_beside_them(encoder: SentenceEncoder) -> None:
    assert isinstance(encoder, TextEncoder) and isinstance(word_vectors(), TextEncoder)
    assert encoder.layers == 2
    both = encoder.encode_texts(["the red cup", "teapots", ""])
    assert both.shape == (3, WIDTH) and both.dtype == np.float32
    assert np.allclose(np.linalg.norm(both, axis=1), [1, 1, 0], atol=1e-6)
    alone = encoder.encode_texts(["Teapots"])  # no padding, and a capital letter
    assert np.allclose(alone[0], both[1], atol=1e-5)
    assert encoder.encode_texts([]).shape == (0, WIDTH)


def test_words_fall_into_the_longest_pieces(encoder: SentenceEncoder) -> None:
    assert encoder._pieces("teapots") == [5, 6, 7] and encoder._pieces("mug") == [1]
    assert np.allclose(encoder.encode_texts(["cup " * 50]), encoder.encode_texts(["cup " * 90]))


def test_order_and_words_count(encoder: SentenceEncoder) -> None:
    a, b, c = encoder.encode_texts(["red cup", "cup red", "tea"])
    assert abs(float(a @ b)) < 0.9999 and float(a @ b) > float(a @ c)


def test_other_weights_have_another_identity_and_what_is_none_is_refused(
    encoder: SentenceEncoder, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="no sentence encoder"):
        read_sentence_encoder(tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join(PIECES), encoding="utf-8")
    save_file(tiny(1), tmp_path / "model.safetensors")
    assert read_sentence_encoder(tmp_path).identity != encoder.identity
    save_file({"x": np.zeros(3, np.float32)}, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match="no sentence encoder"):
        read_sentence_encoder(tmp_path)


def test_the_encoder_of_a_choice(encoder: SentenceEncoder, tmp_path: Path) -> None:
    assert chosen_text_encoder("") is word_vectors()
    save_file(tiny(), tmp_path / "model.safetensors")
    (tmp_path / "vocab.txt").write_text("\n".join(PIECES), encoding="utf-8")
    assert chosen_text_encoder(str(tmp_path)).identity == encoder.identity
    with pytest.raises(InputError, match="no sentence encoder"):
        chosen_text_encoder(str(tmp_path / "nowhere"))
