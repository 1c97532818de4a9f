"""Markdown tables that say on what device, at which commit and by which command they were made."""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def device_name() -> str:
    """Processor, cores in use and, where there is one, the GPU."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip()
            for line in info.read_text().splitlines()
            if line.startswith("model name")
        ]
        model = names[0] if names else model
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    gpu = ""
    if "torch" in sys.modules and sys.modules["torch"].cuda.is_available():
        gpu = f", {sys.modules['torch'].cuda.get_device_name(0)}"
    return f"{model}, {cores} cores{gpu}"


def commit() -> str:
    """Short hash of HEAD, with "+" when files differ from it; "unknown" outside a repository."""
    root = Path(__file__).parent.parent
    try:
        head = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=root, capture_output=True, text=True, check=True
        )
        changed = subprocess.run(
            ["git", "status", "--porcelain", "-uno"], cwd=root, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


def command() -> str:
    """The command that runs this benchmark, without machine paths."""
    module = getattr(sys.modules["__main__"], "__spec__", None)
    program = f"-m {module.name}" if module else Path(sys.argv[0]).name
    arguments = [Path(a).name if a.startswith(os.sep) else a for a in sys.argv[1:]]
    return " ".join(["python", program, *arguments])


def markdown(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table; floats with three significant digits."""

    def cell(value: object) -> str:
        return f"{value:.3g}" if isinstance(value, float) else str(value)

    lines = ["| " + " | ".join(headers) + " |", "|" + " --- |" * len(headers)]
    lines += ["| " + " | ".join(cell(v) for v in row) + " |" for row in rows]
    return "\n".join(lines)


def write_result(name: str, title: str, sections: Sequence[str]) -> Path:
    """Write `results/NAME.md` with the header every table needs, and return its path."""
    RESULTS.mkdir(exist_ok=True)
    head = f"# {title}\n\nDevice: {device_name()}. Commit: {commit()}. Command: `{command()}`."
    path = RESULTS / f"{name}.md"
    path.write_text("\n\n".join([head, *sections]) + "\n")
    print("\n\n".join(sections))
    return path
