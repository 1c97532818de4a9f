"""Pictures of objects for image-text models, relevancy of texts, and the OpenCLIP adapter on random weights."""

import dataclasses
from importlib.util import find_spec
from typing import ClassVar, Literal

import numpy as np
import pytest
import torch
from jaxtyping import Float32

from liftlab.components.errors import Cancelled, InputError
from liftlab.components.models.store import ModelStore
from liftlab.components.progress import CancelToken, no_progress
from liftlab.components.text.encoder import (
    CropConfig,
    TextImageEncoder,
    embed_objects,
    object_crops,
    relevancy_of_text,
    split_negation,
)
from liftlab.components.text.open_clip import OpenClipEncoder, build, chosen_entry
from liftlab.components.text.word_vectors import TextEncoder
from liftlab.components.types import Array
from tests.toy import Toy, make_toy

# Looked for and not imported: every worker reads this file, and one runs it.
pytestmark = pytest.mark.skipif(find_spec("open_clip") is None, reason="pip install 'liftlab[open_clip]'")


class ColourEncoder:
    """An image-text model whose space is mean colour: exact, and small enough to reason about."""

    identity = "colour"
    words: ClassVar = {"red": (1, 0, 0), "blue": (0, 0, 1), "green": (0, 1, 0)}

    def encode_images(self, images) -> Float32[Array, "N D"]:
        means = np.array([image.reshape(-1, 3).mean(axis=0) - 110 for image in images])
        return unit(means)

    def encode_texts(self, texts) -> Float32[Array, "T D"]:
        centered = {word: np.array(rgb) - 1 / 3 for word, rgb in self.words.items()}
        return unit(np.array([centered.get(text, np.full(3, 0.3)) for text in texts]))


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def toy() -> Toy:
    return make_toy(views=3)


@pytest.fixture(scope="module")
def clip() -> OpenClipEncoder:
    """The smallest architecture of the package, with random weights."""
    import open_clip

    name = "tiny-test"
    open_clip.factory._MODEL_CONFIGS[name] = {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 1},
    }
    return build(name, device=torch.device("cpu"), weights=None)


def test_crops_show_the_object_and_little_else(toy: Toy) -> None:
    cases: tuple[tuple[Literal["grey", "black", "blurred", "kept"], int | None], ...]
    cases = (("grey", 127), ("black", 0), ("blurred", None), ("kept", None))
    for background, around in cases:
        crops = object_crops(toy.scene, toy.masks, 1, CropConfig(background=background, min_pixels=50))
        assert 1 <= len(crops) <= 3
        for crop in crops:
            assert crop.shape[0] == crop.shape[1] and crop.dtype == np.uint8
            if around is not None:
                assert (crop[0, 0] == around).all() and (crop[-1, -1] == around).all()
        red = crops[0][crops[0].shape[0] // 2, crops[0].shape[1] // 2].astype(int)
        assert red[0] > red[2] + 40, "the first toy box is red"


def test_views_that_show_little_are_left_out_and_the_largest_comes_first(toy: Toy) -> None:
    areas = sorted((toy.masks.area(v, 1) for v in range(3)), reverse=True)
    config = CropConfig(min_pixels=areas[0])
    assert len(object_crops(toy.scene, toy.masks, 1, config)) == areas.count(areas[0]) < 3
    assert len(object_crops(toy.scene, toy.masks, 1, dataclasses.replace(config, min_pixels=10**6))) == 1


def test_an_object_at_the_border_of_a_photo_can_be_cropped(toy: Toy) -> None:
    cache = toy.masks.with_object([np.pad(np.ones((5, 5), bool), ((0, 67), (0, 91)))] * 3)
    crops = object_crops(toy.scene, cache, int(cache.object_ids[-1]), CropConfig(min_pixels=1))
    assert all(crop.shape[0] == crop.shape[1] > 5 for crop in crops)


@pytest.mark.parametrize("background", ["grey", "black"])
def test_embeddings_are_unit_and_find_the_colour(toy: Toy, background: Literal["grey", "black"]) -> None:
    encoder: TextImageEncoder = ColourEncoder()
    assert isinstance(encoder, TextImageEncoder)
    config = CropConfig(background=background, min_pixels=50)
    found = embed_objects(
        toy.scene, toy.masks, [1, 2, 3], encoder, config, progress=no_progress, cancel=CancelToken()
    )
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    for word, best in (("red", 0), ("blue", 1), ("green", 2)):
        fit = relevancy_of_text(found, word, encoder)
        assert fit.argmax() == best and ((fit >= 0) & (fit <= 1)).all()
        assert relevancy_of_text(found, f"object, not {word}", encoder).argmax() != best


def test_an_object_that_no_view_shows_scores_zero(toy: Toy) -> None:
    cache = toy.masks.with_object([np.zeros((72, 96), bool)] * 3)
    ids = [1, int(cache.object_ids[-1])]
    found = embed_objects(
        toy.scene, cache, ids, ColourEncoder(), CropConfig(min_pixels=50), progress=no_progress, cancel=CancelToken()
    )  # fmt: skip
    assert relevancy_of_text(found, "red", ColourEncoder())[1] == 0


def test_embedding_can_be_cancelled(toy: Toy) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        embed_objects(
            toy.scene, toy.masks, [1], ColourEncoder(), CropConfig(), progress=no_progress, cancel=token
        )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cup, not blue", (["cup"], ["blue"])),
        ("a red mug without a handle", (["a red mug"], ["a handle"])),
        ("mug", (["mug"], [])),
        ("not blue", ([], ["blue"])),
        ("cup but not blue not red", (["cup"], ["blue", "red"])),
        ("knot", (["knot"], [])),
    ],
)
def test_what_is_wanted_and_what_is_not(text: str, expected: tuple[list[str], list[str]]) -> None:
    assert split_negation(text) == expected


def test_open_clip_gives_unit_embeddings_that_depend_on_the_input(clip: OpenClipEncoder) -> None:
    assert isinstance(clip, TextEncoder)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (h, 40, 3), dtype=np.uint8) for h in (20, 40, 80)]
    embedded = clip.encode_images(images)
    assert embedded.shape == (3, 32) and np.allclose(np.linalg.norm(embedded, axis=1), 1, atol=1e-5)
    assert np.allclose(clip.encode_images(images[1:2])[0], embedded[1], atol=1e-5), "batches change nothing"
    assert np.abs(embedded[0] - embedded[1]).max() > 1e-4
    texts = clip.encode_texts(["a mug", "a red mug", "a mug"])
    assert np.array_equal(texts[0], texts[2]) and np.abs(texts[0] - texts[1]).max() > 1e-4


def test_texts_are_read_once(clip: OpenClipEncoder, monkeypatch) -> None:
    first = clip.encode_texts(["something new"])
    monkeypatch.setattr(clip, "tokenizer", lambda texts: 1 / 0)
    assert np.array_equal(clip.encode_texts(["something new"]), first)


def test_weights_come_from_a_file_and_a_foreign_one_is_refused(clip: OpenClipEncoder, tmp_path) -> None:
    from safetensors.torch import save_file

    good = tmp_path / "good.safetensors"
    save_file({name: value.contiguous() + 0.01 for name, value in clip.model.state_dict().items()}, good)
    loaded = build("tiny-test", device=torch.device("cpu"), weights=good)
    image = np.arange(32 * 32 * 3, dtype=np.uint8).reshape(32, 32, 3)
    assert np.abs(loaded.encode_images([image]) - clip.encode_images([image])).max() > 1e-5
    assert loaded.identity != clip.identity
    save_file({"w": torch.zeros(2)}, tmp_path / "bad.safetensors")
    with pytest.raises(InputError, match="belongs to another network"):
        build("tiny-test", device=torch.device("cpu"), weights=tmp_path / "bad.safetensors")
    with pytest.raises(InputError, match="no architecture 'ViT-Q-1'"):
        build("ViT-Q-1", device=torch.device("cpu"), weights=None)


def test_without_a_file_the_command_is_said_and_with_files_the_device_decides(tmp_path) -> None:
    store = ModelStore.open({"LIFTLAB_MODELS": str(tmp_path)})
    store = dataclasses.replace(store, folders=(tmp_path,))
    with pytest.raises(InputError, match="liftlab models get open_clip-vit-b-32"):
        chosen_entry(store, device=torch.device("cpu"))
    for name in ("open_clip-vit-b-16", "open_clip-vit-b-32"):
        (tmp_path / f"{name}.safetensors").write_bytes(b"x")
    assert chosen_entry(store, device=torch.device("cpu")).name == "open_clip-vit-b-32"
    assert chosen_entry(store, device=torch.device("cuda")).name == "open_clip-vit-b-16"
