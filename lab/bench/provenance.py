"""On what, at which commit and with which packages a result was made."""

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from liftlab.session.saving.records import versions


def device_name(device: str = "auto") -> str:
    """Processor and cores in use; the graphics card as well, unless `device` is "cpu" and it is left alone."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip()
            for line in info.read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ]
        model = names[0] if names else model
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    card = ""
    if device != "cpu" and "torch" in sys.modules and sys.modules["torch"].cuda.is_available():
        card = f", {sys.modules['torch'].cuda.get_device_name(0)}"
    return f"{model}, {cores} cores{card}"


def commit() -> str:
    """Short hash of HEAD, with "+" when files differ from it; "unknown" where this is not a clone of LiftLab."""
    root = Path(__file__).parents[2]
    if not (root / "lab" / "bench").is_dir() or not (root / ".git").exists():
        return "unknown"  # installed: a repository around it is somebody else's
    try:
        head, changed = (
            subprocess.run(
                ["git", *words], cwd=root, capture_output=True, text=True, check=True
            ).stdout.strip()
            for words in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "-uno"])
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("+" if changed else "")


def command_line(arguments: Sequence[str]) -> str:
    """A command as a person would type it, without the folders of one computer: of a full path only the name stays."""
    return shlex.join(Path(a).name if a.startswith(os.sep) else a for a in arguments)


__all__ = ["command_line", "commit", "device_name", "versions"]
