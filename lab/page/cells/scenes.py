"""What can be opened, as cards in the cell Capture: scenes of the workspace, photos that wait, and the examples."""

import contextlib
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from liftlab.bundled import CAPTURES
from liftlab.components.errors import InputError
from liftlab.engine.inventory import delete_scene
from liftlab.files.identifiers import checked_name
from liftlab.page.scripts import starting
from liftlab.pictures.overlays import photo_jpeg
from liftlab.session.saving.works import is_of_scene
from liftlab.web.wire.cards import SceneCard
from liftlab.web.wire.messages import Scenes

if TYPE_CHECKING:
    from liftlab.engine.workspace import Workspace
    from liftlab.session.saving.works import Work
    from liftlab.web.visitor import Visitor

THUMB_PX = 240
BUILDING = "being built"
PANEL = """<div class="scenes" data-scenes role="list" aria-label="Scenes"></div>"""
MOUNT = starting("scenes")


def panel() -> None:
    """Lay out the cards."""
    gr.HTML(value="", html_template=PANEL, js_on_load=MOUNT, apply_default_css=False)


def scenes_of(visitor: "Visitor", note: str = "") -> Scenes:
    """All that can be opened: what was worked on or made last comes first, examples last."""
    lab, workspace = visitor.lab, visitor.lab.workspace
    names, captures = lab.scenes(), lab.captures()
    works = visitor.works.works.all()
    cards = [_scene_card(visitor, name, works) for name in names]
    used = {entry.capture for name in names if (entry := workspace.scene_entry(name))}
    waiting = [name for name in captures if name not in used and name not in names]
    cards += [
        SceneCard(
            name=name,
            kind="photos",
            building=(building := lab.jobs.building(name) is not None),
            note=f"{_photos(workspace, name)} photos, {BUILDING if building else 'not built yet'}",
            made=_changed(workspace.capture_folder(name)),
            work="",
            worked=None,
            open=False,
        )
        for name in waiting
    ]
    cards.sort(key=lambda card: card.worked or card.made or 0, reverse=True)
    examples = [name for name in bundled() if name not in names and name not in captures]
    cards += [_example(name, building=lab.jobs.building(name) is not None) for name in examples]
    return Scenes(cards, note)


def _example(name: str, *, building: bool) -> SceneCard:
    note = f"Example photos, {BUILDING}" if building else "Example photos"
    return SceneCard(name, "example", building, note, made=None, work="", worked=None, open=False)


def _scene_card(visitor: "Visitor", name: str, works: "list[Work]") -> SceneCard:
    from liftlab.page.state import named

    lab, workspace = visitor.lab, visitor.lab.workspace
    made, building = workspace.scene_changed(name), lab.jobs.building(name) is not None
    try:
        status = lab.status(name, any_version=True)
    except InputError:  # its entry is damaged
        note = BUILDING if building else "to be built again"
        return SceneCard(name, "unready", building, note, made, work="", worked=None, open=False)
    parts = [f"{_photos(workspace, status.capture)} photos"]
    if status.gaussians:
        parts.append("splats")
    if not status.methods:
        parts.append(BUILDING if building else "not ready for clicks yet")
    entry, names = lab.entry(name), lab.scenes()
    mine = [work for work in works if work.objects and is_of_scene(work, name, entry.scene_key, names)]
    return SceneCard(
        name=name,
        kind="scene" if status.methods else "unready",
        building=building and not status.methods,
        note=", ".join(parts),
        made=made,
        work=named(mine[0].objects) if mine else "",
        worked=mine[0].changed if mine else None,
        open=name == visitor.session.scene_name,
    )


def rename(visitor: "Visitor", name: str, new_name: str) -> None:
    """Give a scene another name. InputError when it is taken, cannot be a file name, or the scene is being built."""
    _not_under_way(visitor, name)
    visitor.lab.workspace.rename_scene(name, checked_name(new_name.strip()))
    if visitor.session.scene_name == name:
        visitor.open(new_name.strip())


def duplicate(visitor: "Visitor", name: str) -> None:
    """Have a scene twice: the same results under another name."""
    workspace = visitor.lab.workspace
    entry, taken = workspace.known_scene(name), workspace.scene_names()
    wanted = [f"{name[:50]}-copy", *(f"{name[:50]}-copy-{number}" for number in range(2, len(taken) + 2))]
    workspace.write_scene_entry(replace(entry, name=next(one for one in wanted if one not in taken)))


def delete(visitor: "Visitor", name: str) -> None:
    """Remove a scene that is not open here; its photos stay. InputError when it is open or being built."""
    _not_under_way(visitor, name)
    if visitor.session.scene_name == name:
        raise InputError(f"'{name}' is open; open another scene first.")
    delete_scene(visitor.lab.workspace, name)


def _not_under_way(visitor: "Visitor", name: str) -> None:
    """InputError while a scene is being built: its steps find it by its name."""
    if visitor.lab.jobs.building(name) is not None:
        raise InputError(f"'{name}' is being built; wait for it, or cancel that first.")


def thumb_of(visitor: "Visitor", name: str) -> bytes | None:
    """JPEG of the first photo of a scene, a capture or an example; None when there is none of this name."""
    lab = visitor.lab
    with contextlib.suppress(InputError):
        entry = lab.workspace.scene_entry(name)
        return _thumb(lab.workspace.capture_folder(entry.capture if entry else name))
    return None


def bundled() -> list[str]:
    """Captures that come with LiftLab and have their photos here."""
    return sorted(path.name for path in CAPTURES.iterdir() if (path / "images").is_dir())


def _thumb(folder: Path) -> bytes | None:
    from PIL import Image

    if not folder.is_dir() and folder.name in bundled():
        folder = CAPTURES / folder.name
    photos = sorted((folder / "images").glob("[!.]*")) if folder.is_dir() else []
    if not photos:
        return None
    import numpy as np

    with Image.open(photos[0]) as image:
        image.draft("RGB", (THUMB_PX * 2, THUMB_PX * 2))
        return photo_jpeg(np.asarray(image.convert("RGB")), THUMB_PX)


def _photos(workspace: "Workspace", capture: str) -> int:
    with contextlib.suppress(OSError, InputError):
        return len([one for one in os.listdir(workspace.capture_folder(capture) / "images") if one[0] != "."])
    return 0


def _changed(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None
