"""Sentences for the browser name files, not their places."""

from pathlib import Path

import pytest

from liftlab.web.public_text import AS_THEY_ARE, message_without_paths, without_paths


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("It cannot be read: /srv/ada/room.zip", "It cannot be read: room.zip"),
        ("[Errno 2] No such file: '/srv/ada/room.zip'", "[Errno 2] No such file: 'room.zip'"),
        ("at:/etc/passwd", "at:passwd"),
        ("see file:///etc/ssh/key.", "see key."),
        (r"C:\Users\ada\room.zip is damaged", "room.zip is damaged"),
        ("//etc//passwd", "passwd"),
        ('{"path": "/etc/passwd"}', '{"path": "passwd"}'),
        (
            "https://arxiv.org/abs/2308.04079 and 1/2 or and/or",
            "https://arxiv.org/abs/2308.04079 and 1/2 or and/or",
        ),
        (
            "<br><code>liftlab models get x</code></td></tr>",
            "<br><code>liftlab models get x</code></td></tr>",
        ),
        ("Part/Whole, ./here/there", "Part/Whole, ./here/there"),
    ],
)
def test_a_place_becomes_its_last_name(text: str, told: str) -> None:
    assert without_paths(text) == told


def test_a_known_folder_goes_even_with_spaces_in_it() -> None:
    root = Path("/home/ada lovelace/my lab")
    told = without_paths(f"The disk is full: {root}/captures/desk and {root}", (root,))
    assert "ada" not in told and told.startswith("The disk is full: desk")


def test_a_message_is_told_at_every_depth_and_its_pictures_pass() -> None:
    picture = "data:image/png;base64,AA+/bb/cc/dd"
    message = {
        "notes": ("at /a/b/c",),
        "overlay": {"url": picture, "x": [1, None, picture]},
        "code": "open('/a/b')",
    }
    assert message_without_paths(message, kept=AS_THEY_ARE) == {
        "notes": ["at c"], "overlay": {"url": picture, "x": [1, None, picture]}, "code": "open('/a/b')",
    }  # fmt: skip
    assert message_without_paths({"code": "/a/b"}) == {"code": "b"}
