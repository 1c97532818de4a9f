"""Nothing that LiftLab needs at run time is under the GPL or AGPL: it is Apache-2.0 itself."""

import ast
import re
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
NOT_RUN_TIME = {"dev", "docs", "captures"}
"""Extras for those who develop LiftLab, build its pages or render its captures."""
LESSER: set[str] = set()
"""Packages under the LGPL that were looked at and are fine, by name in lower case; none today."""
GPL_LIBRARIES = ("x264", "x265", "xvidcore", "postproc", "vidstab", "rubberband", "fftw3", "gsl", "readline")
BUNDLED = {"av": {"x264", "x265"}}
"""Libraries under the GPL that wheels of others hold, by the wheel's folder: said in THIRD_PARTY_NOTICES.md."""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = sorted(set(PROJECT["optional-dependencies"]) - NOT_RUN_TIME)


def licence_of(package: Distribution) -> str:
    """What a package says of its licence: expression, classifiers, and the first line of the free text."""
    read = package.metadata
    classifiers = [c for c in read.get_all("Classifier") or [] if c.startswith("License")]
    given = {field: (read.get_all(field) or [""])[0] for field in ("License-Expression", "License")}
    free = given["License"].strip().partition("\n")[0]
    return "; ".join(filter(None, [given["License-Expression"], *classifiers, free]))


def is_copyleft(licence: str) -> bool:
    """Whether it is the GPL or AGPL, without an exception for what is linked with it."""
    rest = re.sub(r"[AL]?GPL[-\w.+]* WITH [-\w.]+", "", licence)
    return bool(re.search(r"\bA?GPL|Affero|GNU General Public", rest))


def is_lesser(licence: str) -> bool:
    return bool(re.search(r"\bLGPL|Lesser General Public|Library General Public", licence))


def needed(requirements: list[str]) -> tuple[dict[str, Distribution], set[str]]:
    """Installed packages that these requirements bring, theirs included, and those that are not installed."""
    todo = [Requirement(text) for text in requirements]
    found: dict[str, Distribution] = {}
    missing: set[str] = set()
    seen: set[tuple[str, frozenset[str]]] = set()
    while todo:
        wanted = todo.pop()
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        key = name, frozenset(wanted.extras)
        if key in seen:
            continue
        seen.add(key)
        try:
            found[name] = distribution(wanted.name)
        except PackageNotFoundError:
            missing.add(name)
            continue
        for line in found[name].requires or []:
            further = Requirement(line)
            extras = ["", *wanted.extras]
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in extras):
                todo.append(further)
    return found, missing


@pytest.mark.parametrize("extra", ["", *EXTRAS])
def test_what_is_needed_at_run_time_is_not_gpl(extra: str) -> None:
    wanted = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    found, missing = needed(wanted)
    if extra and missing:
        pytest.skip(f"not installed, so its licence cannot be read: {', '.join(sorted(missing))}")
    assert not missing and found
    licences = {name: licence_of(package) for name, package in found.items()}
    assert not {name: licence for name, licence in licences.items() if is_copyleft(licence)}
    assert {name for name, licence in licences.items() if is_lesser(licence)} <= LESSER


def test_gpl_libraries_inside_wheels_are_those_that_the_notices_name() -> None:
    found, _ = needed(PROJECT["dependencies"])
    holds: dict[str, set[str]] = {}
    for folder in {Path(str(package.locate_file(""))) for package in found.values()}:
        for file in [*folder.glob("*.libs/*"), *folder.glob("*/.dylibs/*")]:
            wheel = file.relative_to(folder).parts[0].removesuffix(".libs")
            hits = {name for name in GPL_LIBRARIES if re.match(rf"lib{name}\W", file.name)}
            if hits:
                holds.setdefault(wheel, set()).update(hits)
    assert all(names <= BUNDLED.get(wheel, set()) for wheel, names in holds.items()), holds
    notices = (ROOT / "THIRD_PARTY_NOTICES.md").read_text()
    assert all(f"lib{name}" in notices for names in BUNDLED.values() for name in names)


def test_nothing_gpl_is_imported_even_when_it_is_installed() -> None:
    imported = set()
    for path in [p for package in ("components", "pipelines", "lab") for p in (ROOT / package).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").split(".")[0])
    brings = packages_distributions()
    packages = {name for module in imported for name in brings.get(module, [])} - {PROJECT["name"]}
    assert {"numpy", "torch"} <= packages
    assert not {name for name in packages if is_copyleft(licence_of(distribution(name)))}


def test_the_gpl_is_recognised() -> None:
    assert is_copyleft(licence_of(distribution("plyfile")))  # of the tests only
    for licence in (
        "GPL-3.0-or-later",
        "MIT OR AGPL-3.0",
        "License :: OSI Approved :: GNU General Public License (GPL)",
    ):
        assert is_copyleft(licence)
    for licence in ("LGPL-2.1", "GPL-3.0-or-later WITH GCC-exception-3.1 AND MIT", "Apache-2.0"):
        assert not is_copyleft(licence)
    assert (
        is_lesser("GNU Lesser General Public License v3")
        and is_lesser("LGPL-2.1")
        and not is_lesser("GPL-3.0")
    )
