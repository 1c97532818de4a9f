"""Cell 5: methods that answer clicks, each prepared once per scene, with their settings."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import gradio as gr

from liftlab.components.errors import InputError
from liftlab.components.progress import CancelToken, Progress, part_of
from liftlab.engine.step_runner import expected_preparation_secs
from liftlab.machine.device import about_device
from liftlab.page.cells.frame import cell
from liftlab.page.cells.status import CellStatus, Curve, with_job
from liftlab.page.scripts import starting
from liftlab.web.wire.messages import MethodRow

if TYPE_CHECKING:
    from liftlab.pipelines.base import MethodEntry
    from liftlab.web.visitor import Visitor

ID = "methods"
PANEL = """<div class="methods" data-methods role="group" aria-label="Methods"></div>"""
PRESET_HELP = """What the settings below change: the defaults; paper, the published settings, for hours on a GPU; or
quick, for a first look. What is not set below is as in the preset, whatever standard value is shown."""
MOUNT = starting("methods")


def build() -> None:
    with cell(ID, 5, "Methods"):
        gr.HTML(value="", html_template=PANEL, js_on_load=MOUNT, apply_default_css=False)


def set_value(visitor: "Visitor", method: str, name: str, value: str) -> None:
    """Note a setting for the next preparation of a method; an empty value takes the default again."""
    from liftlab.pipelines.base import get_method

    own = dict(visitor.settings.get(method, {}))
    own.pop(name, None)
    if value:
        own[name] = value
    try:
        _config(get_method(method), own)
    except InputError as error:
        visitor.fail(ID, str(error))
        return
    visitor.cells[ID].warnings = ()
    visitor.settings[method] = own
    visitor.push_cells()


def start(visitor: "Visitor", methods: list[str]) -> None:
    """Queue the preparation of `methods`, one after the other; a single one answers the clicks from then on."""
    from liftlab.pipelines.base import get_method

    try:
        lab, name = visitor.lab, visitor.needs_scene_name()
        configs = {
            method: _config(get_method(method), visitor.settings.get(method, {})) for method in methods
        }
    except InputError as error:
        visitor.fail(ID, str(error))
        return
    memory = visitor.cells[ID]

    def work(progress: Progress, cancel: CancelToken) -> str:
        for order, (method, config) in enumerate(configs.items()):
            share = part_of(progress, order / len(configs), (order + 1) / len(configs))
            prepared = lab.prepare(name, method, config, progress=share, cancel=cancel)
            memory.curves[method] = _curve(prepared)
        return name

    def opened(scene_name: str) -> None:
        visitor.open(scene_name)
        again = visitor.method if visitor.method in configs else ""
        chosen = methods[0] if len(methods) == 1 else again
        if chosen:
            visitor.act(lambda session: session.set_method(chosen, lab.config_of(scene_name, chosen)))

    memory.warnings = ()
    memory.inputs = {"methods": methods}
    known = expected_preparation_secs(visitor.lab.workspace)
    each = [known.get(method) for method in methods]
    expected = None if None in each else sum(secs for secs in each if secs is not None)
    if expected is not None and any(get_method(method).make.geometry == "gaussians" for method in methods):
        expected += _splats_secs(visitor)
    visitor.start(ID, f"Preparing {', '.join(methods)}", work, expected_secs=expected, then=opened)


def _config(entry: "MethodEntry", settings: dict[str, str]) -> Any:
    """The method's configuration; None when all is as by default."""
    from liftlab.cli.support import method_config

    return method_config(entry, [f"{key}={value}" for key, value in settings.items()]) if settings else None


def _curve(prepared: Any) -> Curve | None:
    """How a method's training went, where its state tells: [iteration, seconds, loss] per point."""
    from liftlab.pipelines.offers import TellsTraining

    points = prepared.about.get("curve") if isinstance(prepared, TellsTraining) else None
    if not points:
        return None
    return Curve("steps", "loss", tuple((float(point[0]), float(point[2])) for point in points))


def settings_for_page(method: str) -> list[dict[str, Any]] | None:
    """All settings of a method as JSON-ready values, the preset that they change first; None for an unknown method."""
    from liftlab.cli.commands import DEFAULT_PRESET
    from liftlab.files.settings import Setting, settings_of
    from liftlab.pipelines.base import list_methods

    entry = next((entry for entry in list_methods() if entry.name == method), None)
    if entry is None:
        return None
    preset = Setting("preset", PRESET_HELP, "choice", DEFAULT_PRESET, tuple(entry.presets))
    return [asdict(setting) for setting in (preset, *settings_of(entry.config_class))]


def status(visitor: "Visitor") -> CellStatus:
    memory = visitor.cells[ID]
    ready = visitor.status.methods if visitor.status is not None else ()
    summary = f"{', '.join(ready)} ready" if ready else "What answers the clicks"
    state = "stale" if ready and visitor.earlier_edited(ID) else "done" if ready else "idle"
    return with_job(
        CellStatus(
            ID,
            state,
            summary,
            notes=(about_device(visitor.lab.device),),
            warnings=memory.warnings,
            code=_code(visitor, ready),
            detail=_rows(visitor, ready),
        ),
        visitor.job_of(ID),
    )


def _rows(visitor: "Visitor", ready: tuple[str, ...]) -> list[MethodRow]:
    """What the page shows of every method."""
    from liftlab.pipelines.base import list_methods

    name, memory = visitor.scene_name, visitor.cells[ID]
    records = visitor.lab.step_records(name) if name is not None and ready else {}
    trained = visitor.status is not None and visitor.status.gaussians
    expected, splats_secs = expected_preparation_secs(visitor.lab.workspace), _splats_secs(visitor)
    rows = []
    for entry in list_methods():
        record = records.get(entry.name) if entry.name in ready else None
        splats, own = entry.make.geometry == "gaussians", expected.get(entry.name)
        rows.append(
            MethodRow(
                name=entry.name,
                summary=entry.summary,
                paper=entry.paper,
                licence=entry.licence,
                splats=splats,
                trained=trained,
                ready=record is not None,
                answers=entry.name == visitor.method,
                seconds=record["seconds"] if record else None,
                expected_secs=None if own is None else own + (splats_secs if splats else 0.0),
                bytes=_bytes(visitor, record["key"]) if record else None,
                settings=visitor.settings.get(entry.name, {}),
                curve=memory.curves.get(entry.name),
            )
        )
    return rows


def _splats_secs(visitor: "Visitor") -> float:
    """How long the splats will be trained that a method needs; 0 where they are there."""
    status, scene = visitor.status, visitor.scene
    if scene is None or (status is not None and status.gaussians):
        return 0.0
    return visitor.lab.expected_secs("gaussians", len(scene.views))


def _bytes(visitor: "Visitor", key: str) -> int:
    folder = visitor.lab.workspace.method_folder(key)
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _code(visitor: "Visitor", ready: tuple[str, ...]) -> str:
    name = visitor.scene_name or "room"
    lines, imports = [], ""
    for method in ready or (visitor.method,):
        own = visitor.settings.get(method, {})
        if own:
            imports = "from liftlab.cli.support import method_config\nfrom liftlab.pipelines.base import get_method\n\n"
            chosen = [f"{key}={value}" for key, value in own.items()]
            lines.append(f"config = method_config(get_method({method!r}), {chosen!r})")
        lines.append(f"lab.prepare({name!r}, {method!r}{', config' if own else ''})")
    return imports + "\n".join(lines)
