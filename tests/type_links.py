"""Links under `typings/` by which a type checker sees the package `liftlab`: `python -m tests.type_links`.

The package's parts lie in three folders (`pyproject.toml`, package-dir). Python finds them through the installed
package's finder; type checkers and editors read files only, and look into `typings/` by themselves.
"""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent
HOMES = {
    "lab": "liftlab",
    "components": "liftlab/components",
    "pipelines": "liftlab/pipelines",
    "assets/captures": "liftlab/bundled",
}


def link_all(target: Path) -> int:
    """Make the links anew below `target`; returns how many."""
    shutil.rmtree(target, ignore_errors=True)
    count = 0
    for folder, place in HOMES.items():
        for source in sorted((ROOT / folder).rglob("*.py")):
            link = target / place / source.relative_to(ROOT / folder)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.path.relpath(source, link.parent))
            count += 1
    return count


if __name__ == "__main__":
    print(f"{link_all(ROOT / 'typings')} links for the type checker")
