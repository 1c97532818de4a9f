"""Gradio is imported without its type stubs being written anew."""

import inspect
import subprocess
import sys
from pathlib import Path

import gradio.component_meta

CODE = """
import sys
import liftlab.page
assert "gradio" not in sys.modules
import gradio.component_meta
assert not any(type(finder).__name__ == "StubsLeftOut" for finder in sys.meta_path)
print(gradio.component_meta.create_or_modify_pyi.__module__, gradio.Button("x").value)
"""


def test_its_function_is_there_and_does_nothing_once_the_page_was_imported() -> None:
    source = inspect.getsource(gradio.component_meta.ComponentMeta)
    assert "create_or_modify_pyi(component_class, name, events)" in source, (
        "what is left out is still called so"
    )
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=Path(__file__).parents[3], capture_output=True, text=True,
        timeout=120, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["liftlab.page.stubs", "x"]
