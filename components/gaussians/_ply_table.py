"""The vertex table of a PLY file as a structured array. Only what splat files use: scalar properties."""

import re
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
TEXT = "="
FORMATS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": TEXT}
LIST = "list"
Elements = dict[str, tuple[int, list[tuple[str, str]]]]
"""Number and properties (name, type) of each element, in the order of the file."""
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
    order, elements = _parse_header(path, lines)
    names = list(elements)
    before = [elements[name] for name in names[: names.index("vertex")]]
    count, fields = elements["vertex"]
    if any(kind == LIST for _, kinds in (*before, (0, fields)) for _, kind in kinds):
        raise damaged(path, "its header puts lists before the end of the vertices")
    dtype = _dtype(order, fields)
    # Counts are not believed before there is room for so many: one character and a space for each number of a text.
    least = 2 * len(fields) if order == TEXT else dtype.itemsize
    skipped = sum(
        number if order == TEXT else number * _dtype(order, kinds).itemsize for number, kinds in before
    )
    room = max(path.stat().st_size - start - skipped + 1, 0) // least
    if count > room:
        raise damaged(path, f"it ends after {room} of {count} splats")
    try:
        if order == TEXT:
            table = _table_of_text(path.read_bytes()[start:], skipped, count, dtype)
        else:
            table = np.fromfile(path, dtype, count, offset=start + skipped)
    except (ValueError, OverflowError) as error:
        raise damaged(path, "its data cannot be read") from error
    if len(table) != count:
        raise damaged(path, f"it ends after {len(table)} of {count} splats")
    return table


def _dtype(order: str, fields: list[tuple[str, str]]) -> np.dtype:
    return np.dtype([(name, order + kind) for name, kind in fields])


def _table_of_text(data: bytes, skipped: int, count: int, dtype: np.dtype) -> Shaped[Array, "N"]:
    lines = [line for line in data.decode("latin-1").splitlines() if line.strip()][skipped : skipped + count]
    return np.array([tuple(line.split()) for line in lines], dtype) if lines else np.zeros(0, dtype)


def read_header(path: Path) -> tuple[int, list[str]]:
    """Where the data start, and the lines between "ply" and "end_header"."""
    with path.open("rb") as file:
        head = file.read(HEADER_LIMIT)
    if not head.startswith((b"ply\n", b"ply\r")):
        raise not_splats(path, "it is no PLY file")
    end = re.search(rb"(?<=[\r\n])end_header[ \t]*(\r\n|\n|\r)", head)  # a comment may hold the words
    if end is None:
        raise damaged(path, "its header does not end")
    return end.end(), re.split(r"\r\n|\n|\r", head[: end.start()].decode("latin-1"))[1:]


def count_in(word: str) -> int:
    """A number of elements; -1 for what is none."""
    return int(word) if word.isascii() and word.isdecimal() and len(word) <= DIGITS else -1


def _parse_header(path: Path, lines: list[str]) -> tuple[str, Elements]:
    """Byte order, and of each element how many there are, and name and type of their properties."""
    order, element = "", ""
    elements: Elements = {}
    for line in lines:
        words = line.split()
        if not words or words[0] in ("comment", "obj_info"):
            continue
        try:
            if words[0] == "format":
                order = FORMATS[words[1]]
            elif words[0] == "element":
                element = words[1]
                elements[element] = (count_in(words[2]), [])
            elif words[0] == "property" and element:
                elements[element][1].append((words[-1], LIST if words[1] == "list" else TYPES[words[1]]))
        except (KeyError, IndexError) as error:
            raise damaged(path, f"its header has the line {shown(line)!r}") from error
    count, fields = elements.get("vertex", (-1, []))
    if order and elements and count < 0 and "vertex" not in elements:
        raise not_splats(path, f"its first element is {shown(next(iter(elements)))!r}, and none is 'vertex'")
    if not order or not fields or any(number < 0 for number, _ in elements.values()):
        raise damaged(path, "its header names no format or no vertices")
    if len({name for name, _ in fields}) != len(fields):
        raise damaged(path, "its header names a property twice")
    return order, elements
