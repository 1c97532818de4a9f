"""Runs as Python: what the page shows beneath its cells, and a whole notebook as one script."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from liftlab.files.config_records import to_plain
from liftlab.session.arrangement import Arrangement
from liftlab.session.objects import MethodChoice
from liftlab.session.prompts import ObjectPrompts, PhotoBox, PhotoClick
from liftlab.session.saving.notebook import (
    CaptureCell,
    Cell,
    KeepCell,
    Notebook,
    PrepareCell,
    StepCell,
)

IMPORTS = {
    "Arrangement(": "from liftlab.session.arrangement import Arrangement",
    "Arrangement,": "from liftlab.session.arrangement import Arrangement",
    "GaussiansConfig": "from liftlab.pipelines.steps.gaussians import GaussiansConfig",
    "Lab(": "from liftlab.engine.lab import Lab",
    "MasksConfig": "from liftlab.pipelines.steps.masks import MasksConfig",
    "ReconstructConfig": "from liftlab.pipelines.steps.reconstruct import ReconstructConfig",
    "Session(": "from liftlab.session.session import Session",
    "WorldClick(": "from liftlab.session.prompts import WorldClick",
    "config_from_record(": "from liftlab.files.config_records import config_from_record",
    "get_method(": "from liftlab.pipelines.base import get_method",
    "keep_again(": "from liftlab.session.keeping import keep_again",
}
"""What is called, to where it comes from."""


def with_imports(lines: Sequence[str]) -> str:
    """Lines of Python after the imports that they need."""
    text = "\n".join(lines)
    needed = sorted({line for call, line in IMPORTS.items() if call in text})
    return "\n".join([*needed, "", text]) if needed else text


def code_for(cell: Cell, scene: str) -> str:
    """The cell as Python, to copy into a notebook where `lab` is a `Lab`."""
    if isinstance(cell, CaptureCell):
        return f"lab.import_capture({cell.folder!r}, name={cell.name!r})"
    if isinstance(cell, StepCell):
        return f"lab.{cell.kind}({scene!r}, {_config_code(cell)})"
    if isinstance(cell, PrepareCell):
        return f"lab.prepare({scene!r}, {cell.method!r}, {_config_code(cell)})"
    if isinstance(cell, KeepCell):
        return f"keep_again(lab, {scene!r}, {cell.objects!r})"
    objects = [
        AskedObject(
            entry.prompts, _plain(entry.method) if entry.method else MethodChoice(cell.method), entry.named
        )
        for entry in cell.objects
    ]
    return "\n".join(session_lines(scene, objects, cell.arrangement))


class AskedObject(NamedTuple):
    """What is asked for one object."""

    prompts: ObjectPrompts
    choice: MethodChoice
    """What answers it."""
    named: bool
    """A person gave its name: words find it by that, also in the run of this Python."""


def session_lines(scene: str, objects: Iterable[AskedObject], arrangement: Arrangement) -> list[str]:
    """A session with its objects as Python, where `lab` is a `Lab`.

    Args:
        arrangement: Of the objects, numbered from 1 in this order.
    """
    objects = list(objects)
    chosen = {asked.choice.key: asked.choice for asked in objects if asked.choice != MethodChoice()}
    lines = [f"lab.prepare({scene!r}, {_method_code(choice)})" for choice in chosen.values()]
    lines += ["session = Session(lab)", f"session.open({scene!r})"]
    method = MethodChoice()
    for prompts, choice, named in objects:
        lines.append(f"session.new_object({prompts.object!r}{'' if named else ', named=False'})")
        if choice != method:
            lines.append(f"session.set_method({_method_code(choice)})")
            method = choice
        lines += [_click_code(click) for click in prompts.clicks]
        if prompts.granularity is not None:
            lines.append(f"session.set_granularity({prompts.granularity!r})")
        step = "session.grow()" if prompts.adjust > 0 else "session.shrink()"
        lines += [step] * abs(prompts.adjust)
        lines += [
            f"session.paint({s.image!r}, {list(s.points)!r}, {s.radius!r}, {s.positive})"
            for s in prompts.strokes
        ]
    if not arrangement.untouched:
        lines.append(f"session.stage.arrange(config_from_record(Arrangement, {to_plain(arrangement)!r}))")
    return lines


def to_python(notebook: Notebook) -> str:
    """The whole notebook as one Python script."""
    lines = ['lab = Lab("workspace")', *(code_for(cell, notebook.scene) for cell in notebook.cells)]
    return '"""Made by LiftLab from a notebook."""\n\n' + with_imports(lines) + "\n"


def _plain(choice: MethodChoice) -> MethodChoice:
    """The same without settings where they are the method's defaults."""
    return MethodChoice.of(choice.name, choice.settings)


def _method_code(choice: MethodChoice) -> str:
    if choice.config is None:
        return repr(choice.name)
    return f"{choice.name!r}, config_from_record(get_method({choice.name!r}).config_class, {choice.config!r})"


def _config_code(cell: StepCell | PrepareCell) -> str:
    if isinstance(cell, PrepareCell):
        config_class = f"get_method({cell.method!r}).config_class"
    else:
        config_class = f"{cell.kind.capitalize()}Config"
    return f"config_from_record({config_class}, {cell.config!r})"


def _click_code(click: Any) -> str:
    if isinstance(click, PhotoClick):
        sign = "" if click.positive else ", positive=False"
        return f"session.click({click.image!r}, {click.x!r}, {click.y!r}{sign})"
    if isinstance(click, PhotoBox):
        return f"session.box({click.image!r}, {', '.join(f'{value!r}' for value in click.box)})"
    return f"session.add(WorldClick({click.world!r}, {click.positive}))"
