"""Runs the code cells of a notebook in order, without Jupyter: `python -m tests.notebooks NOTEBOOK [--write]`.

With `--write` what the cells show is put into the file: text, and pictures as JPEG so that the file stays small. Pages
(the 3D view) are named and not kept. Without it each cell must show the same kinds of things as in the file.
"""

import ast
import base64
import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

from PIL import Image


def run(path: Path) -> dict[str, Any]:
    """Execute a notebook in its own folder; returns it with new outputs. What a cell raises is raised."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    names: dict[str, Any] = {"__name__": "__main__"}
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        count = 0
        for cell in notebook["cells"]:
            if cell["cell_type"] != "code":
                continue
            count += 1
            cell["execution_count"], cell["outputs"] = (
                count,
                outputs_of("".join(cell["source"]), count, names),
            )
    finally:
        os.chdir(before)
    return notebook


def outputs_of(source: str, count: int, names: dict[str, Any]) -> list[dict[str, Any]]:
    """What a cell prints, and what its last line is when that is an expression."""
    body = ast.parse(source).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    said = io.StringIO()
    value = None
    with contextlib.redirect_stdout(said):
        exec(compile(ast.Module(body, []), f"cell {count}", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), f"cell {count}", "eval"), names)
    out: list[dict[str, Any]] = []
    if said.getvalue():
        lines = said.getvalue().splitlines(keepends=True)
        out.append({"name": "stdout", "output_type": "stream", "text": lines})
    if value is not None:
        out.append(
            {"data": shown(value), "execution_count": count, "metadata": {}, "output_type": "execute_result"}
        )
    return out


def shown(value: Any) -> dict[str, Any]:
    """A value as IPython would show it, by media type."""
    picture = value._repr_png_() if hasattr(value, "_repr_png_") else None
    page = value._repr_html_() if hasattr(value, "_repr_html_") else None
    assert picture is None or picture.startswith(b"\x89PNG")
    assert page is None or page.startswith("<")
    if picture is None:
        return {"text/plain": [repr(value)]}
    jpeg = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").save(jpeg, "JPEG", quality=82)
    return {
        "image/jpeg": base64.b64encode(jpeg.getvalue()).decode(),
        "text/plain": [f"<{type(value).__name__}>"],
    }


def kinds_shown(notebook: dict[str, Any]) -> list[list[str]]:
    """Of every code cell, what it showed: media types, or the stream it printed to."""
    return [
        [", ".join(sorted(output.get("data", {}))) or output["name"] for output in cell["outputs"]]
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
    ]


def main(arguments: list[str]) -> None:
    path = Path(arguments[0]).resolve()
    notebook = run(path)
    if "--write" in arguments:
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return
    kept, now = kinds_shown(json.loads(path.read_text(encoding="utf-8"))), kinds_shown(notebook)
    if now != kept:
        sys.exit(f"{path.name} shows {now}; in the file it shows {kept}")


if __name__ == "__main__":
    main(sys.argv[1:])
