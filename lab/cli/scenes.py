"""`liftlab scenes` and `liftlab workspace`: what there is, another name for a scene, and the end of what may go."""

from typing import Any

from liftlab.cli.commands import Scenes, WorkspaceCommand
from liftlab.cli.support import opened_lab
from liftlab.components.errors import InputError
from liftlab.engine.inventory import delete_scene, items, odd_entries, prune, verify
from liftlab.engine.workspace import Workspace


def run_scenes(command: Scenes) -> dict[str, Any]:
    """List, rename or delete."""
    given = [name for name in (command.name, command.new_name) if name is not None]
    usage = {"ls": "", "rename": " SCENE NEW", "delete": " SCENE"}[command.action]
    if len(given) != len(usage.split()):
        raise InputError(f"Say `liftlab scenes {command.action}{usage}`; got {len(given)} names.")
    with opened_lab(command) as lab:
        if command.action == "rename":
            lab.workspace.rename_scene(*given)
        removed = delete_scene(lab.workspace, *given) if command.action == "delete" else []
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
    return {"scenes": [status.record for status in statuses], "bytes_removed": freed}


def run_workspace(command: WorkspaceCommand) -> dict[str, Any]:
    """List, check or prune what a workspace holds."""
    workspace = Workspace(command.workspace)
    workspace.open_log()
    checked = {item.path: sound for item, sound in verify(workspace)} if command.action == "verify" else {}
    odd = odd_entries(workspace) if command.action == "verify" else []
    found = prune(workspace) if command.action == "prune" else items(workspace)
    rows = [
        {
            "kind": item.kind, "name": item.name, "bytes": item.bytes, "used_by": list(item.used_by),
            **({"sound": checked[item.path]} if item.path in checked else {}),
        }
        for item in found
    ]  # fmt: skip
    total = sum(item.bytes for item in found)
    if not command.json:
        for row in rows:
            state = "" if row.get("sound", True) else "  damaged; it will be built again"
            users = f"  for {', '.join(row['used_by'])}" if row["used_by"] else ""
            print(f"{row['kind']:8} {row['name']:24} {row['bytes'] / 1e6:9.1f} MB{users}{state}")
        for place in odd:
            print(f"skipped  {place}: stands for no scene and no result; mend or remove it")
        verb = "removed" if command.action == "prune" else "in"
        print(f"{total / 1e6:.1f} MB {verb} {workspace.root}")
    return {
        "root": str(workspace.root),
        "action": command.action,
        "items": rows,
        "bytes": total,
        "skipped": odd,
    }
