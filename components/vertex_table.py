"""Binary PLY files that hold nothing but a table of vertices."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from liftlab.components.files import atomic_write
from liftlab.components.types import Array, Shaped

_PLY_TYPES = {"f4": "float", "f8": "double", "u1": "uchar", "i4": "int"}


def write_vertices(path: Path, vertices: Shaped[Array, "N"], *, comments: Sequence[str] = ()) -> None:
    """Write a structured array as the PLY element "vertex", little-endian, one property per field.

    Raises:
        ValueError: A comment has a line break, or a field is not float32, float64, uint8 or int32.
    """
    header = ["ply", "format binary_little_endian 1.0"]
    for comment in comments:
        if "\n" in comment or "\r" in comment:
            raise ValueError(f"comments must be single lines; got {comment!r}.")
        header.append(f"comment {comment}")
    header.append(f"element vertex {len(vertices)}")
    for name in vertices.dtype.names or ():
        kind = vertices.dtype[name].newbyteorder("<").str[1:]
        if kind not in _PLY_TYPES:
            raise ValueError(f"fields must be float32, float64, uint8 or int32; got {kind} for '{name}'.")
        header.append(f"property {_PLY_TYPES[kind]} {name}")
    table = vertices.astype(vertices.dtype.newbyteorder("<"), copy=False)
    with atomic_write(path) as file:
        file.write(("\n".join([*header, "end_header"]) + "\n").encode("ascii", "backslashreplace"))
        file.write(np.ascontiguousarray(table).tobytes())


def displaced(vertices: Shaped[Array, "N"], offset: tuple[float, float, float]) -> Shaped[Array, "N"]:
    """The table with `offset` added to x, y and z, which become doubles; itself where there is nothing to add."""
    if not any(offset):
        return vertices
    kinds = {name: vertices.dtype[name] for name in vertices.dtype.names or ()}
    out = np.empty(len(vertices), [(name, "<f8" if name in "xyz" else kind) for name, kind in kinds.items()])
    for name in kinds:
        out[name] = vertices[name]
    for name, step in zip("xyz", offset, strict=True):
        out[name] += step
    return out
