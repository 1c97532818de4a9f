"""Nothing that only Unix has is used without a way round it: the code is read, since the tests run on one system.

Each place that uses such a thing is named here with its reason; a new one fails until it is guarded and named.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from liftlab.components.captures.intake import safe_stem
from liftlab.components.errors import InputError
from liftlab.components.files import is_device_name
from liftlab.files.identifiers import checked_name, fresh_name, name_from
from liftlab.session.prompts import checked_object_name, new_object_name
from tests.test_imports import sources, tree_of

UNIX_MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
UNIX_NAMES = {
    "os": {
        "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "WNOHANG", "chown", "confstr", "fchmod", "fchown", "fork", "forkpty",
        "getegid", "geteuid", "getgid", "getloadavg", "getpgid", "getpgrp", "getuid", "initgroups", "kill", "killpg",
        "lchown", "mkfifo", "mknod", "nice", "posix_fadvise", "posix_fallocate", "posix_spawn", "pread", "pwrite",
        "sched_getaffinity", "sched_setaffinity", "sendfile", "set_blocking", "setpgid", "setsid", "setuid", "statvfs",
        "sync", "sysconf", "uname", "wait", "wait3", "wait4", "waitpid",
    },
    "signal": {
        "SIGALRM", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGSTOP", "SIGTSTP", "SIGUSR1",
        "SIGUSR2", "alarm", "pause", "pthread_kill", "pthread_sigmask", "setitimer", "sigwait", "sigtimedwait",
    },
    "time": {"tzset", "clock_settime"},
    "socket": {"AF_UNIX"},
}  # fmt: skip
"""`os.kill` is there on Windows, but ends the process whatever the signal."""
RENAMES = {("os", "rename"), ("os", "replace"), ("shutil", "move")}

GUARDED = {
    ("components.files", "fcntl"): "None where it cannot be imported",
    ("components.processes.scratch", "fcntl"): "the same",
    ("components.processes.scratch", "os.O_CLOEXEC"): "not reached without fcntl",
    ("components.processes.scratch", "os.O_NOFOLLOW"): "not reached without fcntl",
    ("components.processes.scratch", "os.getuid"): "not reached without fcntl",
    (
        "components.processes.child_main",
        "resource",
    ): "no limit where it cannot be imported; the parent watches",
    ("components.processes.child_main", "signal.SIGKILL"): "on Linux alone",
    ("components.processes.child_main", "/proc/self/oom_score_adj"): "on Linux alone",
    ("components.pointmaps.threads", "os.sched_getaffinity"): "asked for with hasattr",
    ("files.locks", "fcntl"): "a file with the owner's process id takes its place",
    ("files.locks", "os.O_CLOEXEC"): "not reached without fcntl",
    ("cli.bench", "os.sched_getaffinity"): "asked for with hasattr",
    ("bench.provenance", "os.sched_getaffinity"): "asked for with hasattr",
    ("bench.provenance", "/proc/cpuinfo"): "read where it is a file",
    ("bench.runner", "os.killpg"): "asked for with hasattr",
    ("bench.runner", "signal.SIGKILL"): "beside os.killpg",
    ("machine.signals", "os.set_blocking"): "the function ends before on Windows",
    ("components.files", "os.replace"): "the one place that renames; waits for readers on Windows",
}
"""(module after `liftlab.`, what it uses): why that is safe."""


def parsed(text: str) -> ast.Module:
    return ast.parse(text)


def unix_uses(tree: ast.Module) -> Iterator[str]:
    """What a module uses that Windows lacks, or has with another meaning."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in UNIX_MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in UNIX_MODULES:
            yield node.module
        elif isinstance(node, ast.ImportFrom) and node.module in {*UNIX_NAMES, "shutil"}:
            for alias in node.names:
                if alias.name in UNIX_NAMES.get(node.module, ()) or (node.module, alias.name) in RENAMES:
                    yield f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module, name = node.value.id, node.attr
            if name in UNIX_NAMES.get(module, ()) or (module, name) in RENAMES:
                yield f"{module}.{name}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and is_unix_place(node.value):
            yield node.value


def is_unix_place(text: str) -> bool:
    roots = ("/tmp", "/var", "/proc", "/dev", "/etc", "/usr", "/home", "/root", "/sys", "/run", "/opt")
    return any(text == root or text.startswith(f"{root}/") for root in roots) and " " not in text


def unguarded_imports(tree: ast.Module) -> Iterator[str]:
    """Modules of Unix alone that are imported without an `except ImportError`."""
    safe = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.Try)
        and any("ImportError" in ast.unparse(h.type or node) for h in node.handlers)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        yield from (name for name in names if name in UNIX_MODULES and id(node) not in safe)


def texts_without_encoding(tree: ast.Module) -> Iterator[int]:
    """Lines that open a file as text in whatever encoding the system takes for usual; Windows takes none of ours."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or any(k.arg == "encoding" for k in node.keywords):
            continue
        if any(k.arg is None for k in node.keywords):
            continue
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else ast.unparse(called)
        as_text = "b" not in mode_of(node, 1)
        if (
            (name == "read_text" and not node.args)
            or (name == "write_text" and len(node.args) == 1)
            or (name == "open" and isinstance(called, ast.Name) and as_text)
            or (name == "fdopen" and as_text)
        ):
            yield node.lineno


def mode_of(call: ast.Call, place: int) -> str:
    given = [k.value for k in call.keywords if k.arg == "mode"] + list(call.args[place : place + 1])
    return str(given[0].value) if given and isinstance(given[0], ast.Constant) else "r"


def forks(tree: ast.Module) -> Iterator[int]:
    """Lines that start processes in a way of Unix."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            starts = ast.unparse(node.func).endswith(("get_context", "set_start_method"))
            given = {a.value for a in node.args if isinstance(a, ast.Constant)}
            if starts and given & {"fork", "forkserver"}:
                yield node.lineno
        elif isinstance(node, ast.keyword) and node.arg in ("preexec_fn", "pass_fds", "process_group"):
            yield node.value.lineno


def short(module: str) -> str:
    return module.removeprefix("liftlab.")


def every() -> Iterator[tuple[str, ast.Module]]:
    for module, path in sources().items():
        yield short(module), tree_of(path)


def test_what_only_unix_has_is_guarded_and_named() -> None:
    found = {(module, use) for module, tree in every() for use in unix_uses(tree)}
    assert found - GUARDED.keys() == set(), "guard it, then name it in GUARDED"
    assert GUARDED.keys() - found == set(), "no longer there"


def test_every_module_imports_without_the_modules_of_unix() -> None:
    assert {module: names for module, tree in every() if (names := list(unguarded_imports(tree)))} == {}


def test_text_files_say_their_encoding() -> None:
    written_by_pycolmap = {"components.export.cameras"}  # Reconstruction.write_text takes a folder
    found = {module: lines for module, tree in every() if (lines := list(texts_without_encoding(tree)))}
    assert found.keys() == written_by_pycolmap and len(found["components.export.cameras"]) == 1, found


def test_no_process_is_forked() -> None:
    assert {module: lines for module, tree in every() if (lines := list(forks(tree)))} == {}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import fcntl", "fcntl"),
        ("from resource import setrlimit", "resource"),
        ("import os\nos.fork()", "os.fork"),
        ("from os import replace", "os.replace"),
        ("import os\nos.kill(1, 0)", "os.kill"),
        ("import signal\nENDING = (signal.SIGKILL,)", "signal.SIGKILL"),
        ("FOLDER = '/tmp/liftlab'", "/tmp/liftlab"),
        ("import shutil\nshutil.move('a', 'b')", "shutil.move"),
    ],
)
def test_such_a_use_is_found(code: str, found: str) -> None:
    assert found in list(unix_uses(parsed(code)))


def test_other_checks_find_what_they_look_for() -> None:
    assert list(unguarded_imports(parsed("try:\n    import fcntl\nexcept OSError:\n    pass"))) == ["fcntl"]
    assert not list(
        unguarded_imports(parsed("try:\n    import fcntl\nexcept ImportError:\n    fcntl = None"))
    )
    texts = "open('a')\nopen('a', 'rb')\npath.read_text()\npath.write_text('x')\nopen('a', mode='wb')"
    assert list(texts_without_encoding(parsed(texts))) == [1, 3, 4]
    assert list(forks(parsed("get_context('fork')\nPopen(['x'], preexec_fn=f)"))) == [1, 2]


@pytest.mark.parametrize("name", ["con", "NUL", "aux", "Com1", "lpt9", "con.txt", "nul .x", "prn.tar.gz"])
def test_names_of_devices_become_no_names_of_files(name: str) -> None:
    assert is_device_name(name)
    for check in (fresh_name, new_object_name):
        with pytest.raises(InputError, match="name of a device"):
            check(name)
    assert checked_name(name) == checked_object_name(name) == name, "what has the name already still opens"
    assert not is_device_name(f"{safe_stem(name + '.jpg')}.jpg")
    assert not is_device_name(checked_name(name_from(name)))


@pytest.mark.parametrize("name", ["console", "com", "com10", "nullify", "a.con", "lpt"])
def test_names_that_only_look_like_devices_stay(name: str) -> None:
    assert not is_device_name(name)
    assert fresh_name(name) == new_object_name(name) == safe_stem(f"{name}.jpg") == name


def test_files_are_written_where_open_files_cannot_be_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows: renaming needs the file closed, and waits while somebody reads what is there."""
    from liftlab.components import files

    opened: list[int] = []
    refusals = [PermissionError("is being read")] * 2
    replace, fdopen = files.os.replace, files.os.fdopen

    def watched(handle: int, *rest: object, **more: object):
        opened.append(handle)
        return fdopen(handle, *rest, **more)  # type: ignore[call-overload]

    def as_on_windows(source: Path | str, target: Path | str) -> None:
        for handle in opened:
            with pytest.raises(OSError):
                files.os.fstat(handle)
        if refusals:
            raise refusals.pop()
        replace(source, target)

    monkeypatch.setattr(files, "IS_WINDOWS", True)
    monkeypatch.setattr(files.os, "fdopen", watched)
    monkeypatch.setattr(files.os, "replace", as_on_windows)
    with files.atomic_write(tmp_path / "x.txt", "w") as file:
        file.write("whole")
    assert (tmp_path / "x.txt").read_text(encoding="utf-8") == "whole"
    assert opened and not refusals
    for part in ("C:", "a:b", "a?", 'a"b'):
        with pytest.raises(InputError, match="no file name may hold"):
            files.inside(tmp_path, part)
