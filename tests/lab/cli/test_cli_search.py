"""`liftlab search`: ranked objects, masks, and what is said about words."""

import json
from pathlib import Path

import cv2
import numpy as np

from tests.lab.cli.test_cli import liftlab  # noqa: F401  (fixture)
from tests.not_none import read_image
from tests.toy_workspace import NAME, VIEWS


def test_search_writes_the_masks_of_what_it_finds(liftlab, tmp_path: Path, toy) -> None:  # noqa: F811
    out = tmp_path / "out"
    code, result, said = liftlab("search", NAME, "the red thing left of the teapot", "--out", out)
    assert code == 0
    assert (result["used"], result["unknown"]) == (["red", "left"], ["teapot"])
    assert (
        "I don't know 'teapot' without a name you give, guessed names or a text model; used: red, left."
        in said
    )
    best = result["results"][0]
    assert 0 < best["score"] <= 1
    assert Path(best["masks"]) == out / "masks" / best["object"]
    for view in range(VIEWS):
        mask = read_image(Path(best["masks"]) / f"{view:03d}.png", cv2.IMREAD_UNCHANGED)
        truth = toy.instance[view] == 1  # the red box
        assert mask.shape == truth.shape and set(np.unique(mask)) <= {0, 255}
        assert ((mask > 0) & truth).sum() / ((mask > 0) | truth).sum() > 0.95
    scores = [hit["score"] for hit in result["results"]]
    assert scores == sorted(scores, reverse=True)
    record = json.loads((out / "search.json").read_text())
    assert record["unknown"] == ["teapot"] and record["results"][0]["object"] == best["object"]


def test_nonsense_finds_nothing_and_says_so(liftlab, tmp_path: Path) -> None:  # noqa: F811
    code, result, said = liftlab("search", NAME, "flurbish wug", "--out", tmp_path / "out")
    assert (code, result["results"], result["used"]) == (0, [], [])
    assert result["unknown"] == ["flurbish", "wug"]
    assert "I don't know 'flurbish' and 'wug' without a name you give, guessed names or a text model" in said


def test_an_empty_search_is_refused_with_a_sentence(liftlab, tmp_path: Path) -> None:  # noqa: F811
    code, result, _ = liftlab("search", NAME, "  ", "--out", tmp_path / "out")
    assert code == 2 and "the large red thing" in result["error"]


def test_the_second_search_measures_nothing(liftlab, tmp_path: Path, monkeypatch) -> None:  # noqa: F811
    assert liftlab("search", NAME, "blue", "--out", tmp_path / "a")[0] == 0
    monkeypatch.setattr("liftlab.pipelines.search.measure", lambda *_, **__: 1 / 0)
    code, result, _ = liftlab("search", NAME, "green", "--out", tmp_path / "b")
    assert code == 0 and result["results"]


def test_an_unknown_encoder_is_refused_at_once(liftlab, tmp_path: Path, monkeypatch) -> None:  # noqa: F811
    monkeypatch.setattr("liftlab.engine.lab.Lab.prepare", lambda *_, **__: 1 / 0)
    code, result, _ = liftlab("search", NAME, "mug", "--encoder", "open_clips", "--out", tmp_path / "out")
    assert code == 2 and "Unknown text encoder 'open_clips'. Did you mean 'open_clip'?" in result["error"]


def test_open_clip_without_weights_says_how_to_get_them(liftlab, tmp_path: Path, monkeypatch) -> None:  # noqa: F811
    monkeypatch.setenv("LIFTLAB_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr("liftlab.components.models.store.DEFAULT_FOLDER", tmp_path / "none")
    code, result, _ = liftlab("search", NAME, "mug", "--encoder", "open_clip", "--out", tmp_path / "out")
    assert code == 2
    assert "liftlab models get open_clip-vit-b-32" in result["error"] and "attributes" in result["error"]
    assert not (tmp_path / "out").exists()


def test_open_clip_ranks_by_the_model_and_keeps_its_embeddings(liftlab, tmp_path: Path, monkeypatch) -> None:  # noqa: F811
    from tests.components.text.test_encoder import ColourEncoder

    monkeypatch.setattr("liftlab.engine.lab.Lab.text_encoder", lambda self, name: ColourEncoder())
    code, result, _ = liftlab("search", NAME, "the blue", "--encoder", "open_clip", "--out", tmp_path / "a")
    assert (code, result["encoder"], result["unknown"]) == (0, "open_clip", [])
    assert result["used"] == ["blue"] and result["results"]
    monkeypatch.setattr(ColourEncoder, "encode_images", lambda self, images: 1 / 0)
    again = liftlab("search", NAME, "red", "--encoder", "open_clip", "--out", tmp_path / "b")
    assert again[0] == 0 and again[1]["results"][0] != result["results"][0]


def test_guessed_names_come_with_the_results(liftlab, tmp_path: Path) -> None:  # noqa: F811
    code, result, _ = liftlab(
        "search", NAME, "the red thing", "--encoder", "words", "--out", tmp_path / "out"
    )
    assert code == 0 and result["results"]
    guesses = [guess for hit in result["results"] for guess in hit.get("guesses", [])]
    assert guesses and all(0 <= score <= 1 for _, score in guesses)
    assert all(len(hit.get("guesses", [])) <= 3 for hit in result["results"])
