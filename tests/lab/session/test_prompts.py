"""Prompts files: what is taken, and the sentence for each way of getting one wrong."""

import json
from pathlib import Path

import pytest

from liftlab.components.errors import InputError
from liftlab.files.config_records import to_plain
from liftlab.session.prompts import PhotoBox, PhotoClick, WorldClick, parse_prompts, read_prompts

CLICK = {"image": "003.jpg", "x": 210.5, "y": 140.0, "positive": True}


def test_clicks_boxes_and_points_in_3d_are_read_in_order() -> None:
    value = [
        {
            "object": "a",
            "clicks": [
                CLICK,
                {"image": "1.png", "box": [1, 2, 3, 4]},
                {"world": [0, 1, 2], "positive": False},
            ],
        },
        {
            "object": "b",
            "clicks": [{"image": "x", "x": 1, "y": 2}],
            "granularity": 0.5,
            "note": "kept for people",
        },
    ]
    first, second = parse_prompts(value)
    assert first.clicks == (
        PhotoClick("003.jpg", 210.5, 140.0, True),
        PhotoBox("1.png", (1.0, 2.0, 3.0, 4.0)),
        WorldClick((0.0, 1.0, 2.0), False),
    )
    assert (second.granularity, second.clicks[0].positive) == (0.5, True)


def test_what_is_written_is_read_back() -> None:
    entries = parse_prompts([{"object": "a", "clicks": [CLICK, {"world": [1, 2, 3]}], "adjust": -2}])
    assert parse_prompts(json.loads(json.dumps([to_plain(entry) for entry in entries]))) == entries


BAD = {
    "not a list": ({"object": "a"}, "Prompts must be a list such as"),
    "empty": ([], "lists no object"),
    "no clicks": ([{"object": "a", "clicks": []}], "'a' has no clicks"),
    "no object": ([{"clicks": [CLICK]}], "entry 1 'object'"),
    "clicks not a list": ([{"object": "a", "clicks": 3}], "'clicks'"),
    "x missing": ([{"object": "a", "clicks": [{"image": "a", "y": 3}]}], "'x'"),
    "x a word": ([{"object": "a", "clicks": [{**CLICK, "x": "left"}]}], "'x'"),
    "misspelt field": ([{"object": "a", "clicks": [{**CLICK, "positve": False}]}], "'positve'"),
    "box of three": ([{"object": "a", "clicks": [{"image": "a", "box": [1, 2, 3]}]}], "entry 1"),
    "twice": ([{"object": "a", "clicks": [CLICK]}, {"object": "A", "clicks": [CLICK]}], "listed twice"),
    "path as name": ([{"object": "../a", "clicks": [CLICK]}], "object name '../a' cannot be used"),
    "no name": ([{"object": " ", "clicks": [CLICK]}], "object name"),
    "granularity": ([{"object": "a", "clicks": [CLICK], "granularity": 3}], "between 0 and 1"),
    "too many": ([{"object": str(i), "clicks": [CLICK]} for i in range(501)], "up to 500 objects"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_malformed_file_is_refused_with_the_place(case: str) -> None:
    value, sentence = BAD[case]
    with pytest.raises(InputError) as raised:
        parse_prompts(value)
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("data", [b"", b"{", b"[1,", b"\xff\xfe\x00", b"[" * 100000])
def test_what_is_not_json_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "prompts.json"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"The prompts file (is not valid JSON|cannot be read)"):
        read_prompts(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no prompts file here"):
        read_prompts(tmp_path / "none.json")
