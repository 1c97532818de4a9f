"""Gradio without the type stubs that it writes.

At every import Gradio 6.31 reads and parses the source of each of its 81 components twice, and fills a template with
it, to keep `.pyi` files beside its sources (`gradio.component_meta.create_or_modify_pyi`). That is two fifths of what
importing it takes (5.5 of which 3.4 CPU s are left, measured on a busy machine), and it writes into a folder that other
programs share. Nothing here reads those files.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

MODULE, FUNCTION = "gradio.component_meta", "create_or_modify_pyi"


def nothing(*_: object) -> None:
    """In place of Gradio's function."""


class StubsLeftOut(MetaPathFinder):
    """Finds the one module, and replaces its function as soon as it has run: its classes come later.

    Once it has found it, nothing of it is left in the process's imports, which are not ours alone.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As the usual finder; None for every other module."""
        if fullname != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            if hasattr(module, FUNCTION):
                setattr(module, FUNCTION, nothing)

        spec.loader.exec_module = exec_module
        return spec


def leave_out_stubs() -> None:
    """Before Gradio is imported; after that it does nothing."""
    if MODULE not in sys.modules and not any(isinstance(finder, StubsLeftOut) for finder in sys.meta_path):
        sys.meta_path.insert(0, StubsLeftOut())
