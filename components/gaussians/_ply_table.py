"""The vertex table of a PLY file as a structured array. Only what splat files use: scalar properties."""

from pathlib import Path

import numpy as np

from liftlab.components.errors import shown
from liftlab.components.gaussians.errors import damaged, not_splats
from liftlab.components.types import Array, Shaped

TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8",
}  # fmt: skip
FORMATS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "="}
HEADER_LIMIT = 1 << 16
"""Bytes within which a header must end."""


DIGITS = 40
"""Of a count; longer ones are no numbers."""


def read_vertices(path: Path) -> Shaped[Array, "N"]:
    """All vertices, one field per property.

    Raises:
        InputError: no PLY file, no vertices of scalar properties, or fewer bytes than the header promises.
    """
    start, lines = read_header(path)
    order, count, fields = _parse_header(path, lines)
    dtype = np.dtype([(name, order + kind) for name, kind in fields])
    # The count is not believed before there is room for so many: one character and a space for each number of a text.
    least = 2 * len(fields) if order == "=" else dtype.itemsize
    room = (path.stat().st_size - start + 1) // least
    if count > room:
        raise damaged(path, f"it ends after {room} of {count} splats")
    try:
        if order == "=":
            lines = path.read_text("ascii")[start:].splitlines()[:count]
            table = np.array([tuple(line.split()) for line in lines], dtype) if lines else np.zeros(0, dtype)
        else:
            table = np.fromfile(path, dtype, count, offset=start)
    except (ValueError, OverflowError) as error:
        raise damaged(path, "its data cannot be read") from error
    if len(table) != count:
        raise damaged(path, f"it ends after {len(table)} of {count} splats")
    return table


def read_header(path: Path) -> tuple[int, list[str]]:
    """Where the data start, and the lines between "ply" and "end_header"."""
    with path.open("rb") as file:
        head = file.read(HEADER_LIMIT)
    if not head.startswith((b"ply\n", b"ply\r")):
        raise not_splats(path, "it is no PLY file")
    end = head.find(b"end_header")
    start = head.find(b"\n", end) + 1
    if end < 0 or start == 0:
        raise damaged(path, "its header does not end")
    return start, head[:end].decode("ascii", errors="replace").splitlines()[1:]


def count_in(word: str) -> int:
    """A number of elements; -1 for what is none."""
    return int(word) if word.isascii() and word.isdecimal() and len(word) <= DIGITS else -1


def _parse_header(path: Path, lines: list[str]) -> tuple[str, int, list[tuple[str, str]]]:
    """Byte order, number of vertices, and name and type of their properties."""
    order, count, element = "", -1, ""
    fields: list[tuple[str, str]] = []
    for line in lines:
        words = line.split()
        if not words or words[0] in ("comment", "obj_info"):
            continue
        try:
            if words[0] == "format":
                order = FORMATS[words[1]]
            elif words[0] == "element":
                if not element and words[1] != "vertex":
                    raise not_splats(path, f"its first element is {shown(words[1])!r}, not 'vertex'")
                element = words[1]
                if element == "vertex":
                    count = count_in(words[2])
            elif words[0] == "property" and element == "vertex":
                fields.append((words[2], TYPES[words[1]]))
        except (KeyError, IndexError) as error:
            raise damaged(path, f"its header has the line {shown(line)!r}") from error
    if not order or count < 0 or not fields:
        raise damaged(path, "its header names no format or no vertices")
    if len({name for name, _ in fields}) != len(fields):
        raise damaged(path, "its header names a property twice")
    return order, count, fields
