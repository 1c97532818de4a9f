"""`liftlab scenes`: what scenes there are, another name for one, or the end of one."""

from dataclasses import asdict
from typing import Any

from liftlab.cli.commands import Scenes
from liftlab.cli.support import opened_lab
from liftlab.components.errors import InputError


def run_scenes(command: Scenes) -> dict[str, Any]:
    """List, rename or delete."""
    given = [name for name in (command.name, command.new_name) if name is not None]
    usage = {"ls": "", "rename": " SCENE NEW", "delete": " SCENE"}[command.action]
    if len(given) != len(usage.split()):
        raise InputError(f"Say `liftlab scenes {command.action}{usage}`; got {len(given)} names.")
    with opened_lab(command) as lab:
        if command.action == "rename":
            lab.workspace.rename_scene(*given)
        removed = lab.workspace.delete_scene(*given) if command.action == "delete" else []
        freed = sum(item.bytes for item in removed)
        statuses = [lab.status(name, any_version=True) for name in lab.scenes()]
    if not command.json:
        for status in statuses:
            parts = {
                "reconstructed": status.reconstructed, "splats": status.gaussians, "masks": status.masks
            }  # fmt: skip
            done = [part for part, there in parts.items() if there] + list(status.methods)
            print(f"{status.name:24} {', '.join(done) or 'not built yet'}")
        if command.action == "delete":
            print(f"{freed / 1e6:.1f} MB removed")
    return {"scenes": [asdict(status) for status in statuses], "bytes_removed": freed}
