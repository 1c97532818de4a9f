"""LiftLab: segment any object of a real scene in 3D, with several published methods side by side.

The public interface; its names are loaded when they are first used, so `import liftlab` costs next to nothing:

    import liftlab

    lab = liftlab.Lab("workspace")
    lab.import_capture("photos/", name="desk")
    lab.prepare("desk", "wildseg3d")
    session = liftlab.Session(lab)
    session.open("desk")
    session.click("000.jpg", 320, 240)
    session.export("splats", "out/")
"""

from typing import TYPE_CHECKING, Any

from liftlab.components import loaded_when_used

if TYPE_CHECKING:
    from liftlab.compare.comparison import Comparison, PaneMethod
    from liftlab.components.captures import open_capture as load_capture
    from liftlab.components.errors import Cancelled, InputError
    from liftlab.components.progress import CancelToken
    from liftlab.components.types import (
        Camera,
        Gaussians,
        Lens,
        MaskSet,
        Pointmap,
        Prompt,
        Provenance,
        Scene,
        Segmentation,
        View,
    )
    from liftlab.engine.lab import Lab
    from liftlab.engine.workspace import Workspace
    from liftlab.pipelines.base import get_method, list_methods, register
    from liftlab.session.prompts import ObjectPrompts, PhotoBox, PhotoClick, PhotoStroke, WorldClick
    from liftlab.session.saving.notebook import Notebook
    from liftlab.session.saving.replay import replay
    from liftlab.session.session import Session

    __version__: str

_HOME = {
    "Camera": "components.types", "CancelToken": "components.progress", "Cancelled": "components.errors",
    "Comparison": "compare.comparison", "Gaussians": "components.types", "InputError": "components.errors",
    "Lab": "engine.lab", "Lens": "components.types", "MaskSet": "components.types",
    "Notebook": "session.saving.notebook", "ObjectPrompts": "session.prompts", "PaneMethod": "compare.comparison",
    "PhotoBox": "session.prompts",
    "PhotoClick": "session.prompts", "PhotoStroke": "session.prompts", "Pointmap": "components.types",
    "Prompt": "components.types", "Provenance": "components.types", "Scene": "components.types",
    "Segmentation": "components.types",
    "Session": "session.session", "View": "components.types", "Workspace": "engine.workspace",
    "WorldClick": "session.prompts", "get_method": "pipelines.base", "list_methods": "pipelines.base",
    "load_capture": "components.captures:open_capture", "register": "pipelines.base",
    "replay": "session.saving.replay",
}  # fmt: skip
_find = loaded_when_used(__name__, _HOME)

__all__ = [
    "Camera", "CancelToken", "Cancelled", "Comparison", "Gaussians", "InputError", "Lab", "Lens", "MaskSet",
    "Notebook", "ObjectPrompts", "PaneMethod", "PhotoBox", "PhotoClick", "PhotoStroke", "Pointmap", "Prompt",
    "Provenance", "Scene", "Segmentation", "Session", "View", "Workspace", "WorldClick", "__version__",
    "get_method", "list_methods", "load_capture", "register", "replay",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("liftlab")
    return _find(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
