"""Check the types of the page's scripts with TypeScript: `python -m tests.script_types`.

TypeScript is no dependency: where node or `tsc` is missing, that is said and nothing is checked. To have it:
`npm install --no-save typescript` in the clone, or `tsc` anywhere on the path.
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = ROOT / "lab" / "page" / "tsconfig.json"
MISSING = "the scripts' types are not checked: no {what} found (npm install --no-save typescript)"


def find_tsc(root: Path = ROOT) -> list[str] | str:
    """The command that checks types, or why there is none."""
    node = shutil.which("node")
    if node is None:
        return MISSING.format(what="node")
    beside = root / "node_modules" / "typescript" / "bin" / "tsc"
    if beside.is_file():
        return [node, str(beside)]
    found = shutil.which("tsc")
    return [found] if found is not None else MISSING.format(what="tsc")


def complaints(command: list[str], project: Path = PROJECT) -> str:
    """What the checker says; empty when all is well."""
    done = subprocess.run(
        [*command, "--project", str(project), "--pretty", "false"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip() or "tsc failed"


if __name__ == "__main__":
    tsc = find_tsc()
    if isinstance(tsc, str):
        print(tsc)
        sys.exit(0)
    said = complaints(tsc)
    print(said or "types of the page's scripts: no complaints")
    sys.exit(1 if said else 0)
