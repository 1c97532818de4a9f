"""Ways to damage a file that some reader accepts."""

import json
import random
import struct
from collections.abc import Iterator
from typing import Any

NASTY_NUMBERS = (
    "0", "-1", "255", "65536", "2147483648", "9223372036854775807", "18446744073709551616", "999999999999",
    "1" + "0" * 400, "9" * 5000, "1e400", "-1e300", "1e-320", "NaN", "Infinity", "0x10", "1_000", "٣", "",
)  # fmt: skip
NASTY_VALUES: tuple[Any, ...] = (
    None, True, [], {}, "", 0, -1, 1e300, float("nan"), float("inf"), 10**400, 2**63, "a\0b.jpg", "\ud800.jpg",
    "x" * 300 + ".jpg", "../../etc/passwd", "/", "C:\\photos\\a.jpg", [[[[]]]], {"a": {"b": []}}, "١٢",
)  # fmt: skip
NASTY_BYTES = (
    b"\0" * 8,
    b"\xff" * 8,
    b"\x7f\xff\xff\xff",
    b"\x80\0\0\0",
    b"\xff\xff\xff\x7f",
    b"[" * 3000,
    b"\n",
    b"\r\n",
)


def damaged(seeds: list[bytes], text: bool, seed: int, count: int) -> Iterator[bytes]:
    """Valid files changed in one to four places."""
    chance = random.Random(seed)
    for _ in range(count):
        data = chance.choice(seeds)
        for _ in range(chance.choice((1, 1, 2, 4))):
            data = chance.choice((_in_text, _in_json) if text else (_in_bytes,))(data, chance)
        yield data


def _in_bytes(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    if chance.random() < 0.5:  # headers are near the front
        start = min(start, chance.randrange(1 + min(len(data), 400)))
    end = min(len(data), start + chance.choice((1, 2, 4, 8, 64, 1000)))
    return chance.choice(
        (
            lambda: data[:start],
            lambda: data[:start] + data[end:],
            lambda: data[:end] + data[start:],
            lambda: data[:start] + chance.choice(NASTY_BYTES) + data[end:],
            lambda: data[:start] + bytes(chance.randrange(256) for _ in range(end - start)) + data[end:],
            lambda: data[:start] + chance.choice(NASTY_NUMBERS).encode() + data[end:],
            lambda: _one_number_changed(data, chance),
            lambda: (
                data[:start] + struct.pack("<I", chance.choice((0, 1, 2**31, 2**32 - 1))) + data[start + 4 :]
            ),
            lambda: (
                data[:start] + struct.pack("<Q", chance.choice((2**63, 2**64 - 1, 2**40))) + data[start + 8 :]
            ),
        )
    )()


def _in_text(data: bytes, chance: random.Random) -> bytes:
    return chance.choice((_in_bytes, _one_number_changed, _one_line_changed))(data, chance)


def _one_number_changed(data: bytes, chance: random.Random) -> bytes:
    """One run of digits near the front becomes another number."""
    head = data[:5000].decode("latin-1")
    runs = [i for i, c in enumerate(head) if c.isdigit() and (i == 0 or not head[i - 1].isdigit())]
    if not runs:
        return data
    start = end = chance.choice(runs)
    while end < len(head) and head[end] in "0123456789.":
        end += 1
    return data[:start] + chance.choice(NASTY_NUMBERS).encode() + data[end:]


def _one_line_changed(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    at = chance.randrange(len(lines))
    lines[at : at + 1] = chance.choice(([], [lines[at]] * 2, [b""], [lines[at] * 3], [chance.choice(lines)]))
    return b"\n".join(lines)


def _in_json(data: bytes, chance: random.Random) -> bytes:
    """One value anywhere in a JSON file becomes another; other text is changed as text."""
    try:
        record = json.loads(data)
        places = list(_places(record))
    except (ValueError, RecursionError):
        return _in_text(data, chance)
    if not places:
        return data
    holder, key = chance.choice(places)
    if isinstance(holder, dict) and chance.random() < 0.2:
        del holder[key]
    else:
        holder[key] = chance.choice(NASTY_VALUES)
    return json.dumps(record).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in list(inside):
        yield value, key
        yield from _places(below)
