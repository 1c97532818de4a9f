"""The pages of docs/ as a site: it builds without a warning, its links lead somewhere, and it needs no other host."""

import importlib.util
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

pytest.importorskip("mkdocs", reason="mkdocs is not installed (the extra `docs`)")

ROOT = Path(__file__).parent.parent
_spec = importlib.util.spec_from_file_location("site_hooks", ROOT / "docs" / "site_hooks.py")
assert _spec is not None and _spec.loader is not None
site_hooks = importlib.util.module_from_spec(_spec)  # lies beside the pages, where mkdocs loads it
_spec.loader.exec_module(site_hooks)


class Links(HTMLParser):
    """What a page loads, where it leads, and what can be led to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.ids.add(given["id"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") != "canonical":
            self.loaded.append(given.get("href", ""))
        elif "src" in given:
            self.loaded.append(given["src"])


@pytest.mark.slow
def test_the_site_builds_and_is_whole(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    pages = {path: Links(path.read_text(encoding="utf-8")) for path in (tmp_path / "site").rglob("*.html")}
    assert len(pages) > 30
    problems = []
    for path, page in pages.items():
        if path.name in ("404.html", "report-example.html"):  # the server's, and a document of its own
            continue
        for target in [*page.loaded, *page.links]:
            place, _, anchor = target.partition("#")
            if re.match(r"[a-z]+:", target):
                if target in page.loaded and not target.startswith("data:"):
                    problems.append(f"{path.name} loads {target}")
                continue
            other = (path.parent / unquote(place.partition("?")[0])).resolve() if place else path
            if not other.is_file():
                problems.append(f"{path.name}: {target} leads to no file")
            elif anchor and other in pages and unquote(anchor) not in pages[other].ids:
                problems.append(f"{path.name}: {target} leads to no heading")
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    ("uri", "text", "expected"),
    [
        ("index.md", "[a](docs/search.md#x)", "[a](search.md#x)"),
        ("index.md", "[m](docs/methods/), ![p](docs/images/lab-light.png)", None),
        ("index.md", "[e](examples/)", "[e](examples/README.md)"),
        ("index.md", "[r](benchmarks/results/)", "[r](benchmarks/results/README.md)"),
        ("label-methods.md", "[t](../benchmarks/results/methods.md)", "[t](benchmarks/results/methods.md)"),
        ("methods/saga.md", "[c](../../CONTRIBUTING.md)", "[c](../CONTRIBUTING.md)"),
        ("methods/saga.md", "[f](../formats.md#files)", "[f](../formats.md#files)"),
        ("CONTRIBUTING.md", "[s](docs/security.md)", "[s](security.md)"),
        ("search.md", "[n](nowhere.md), [w](https://example.org/a.md)", "[n](nowhere.md), [w](https://example.org/a.md)"),
    ],
)  # fmt: skip
def test_links_are_written_for_the_site(uri: str, text: str, expected: str | None) -> None:
    if expected is None:
        expected = "[m](methods/README.md), ![p](images/lab-light.png)"
    assert site_hooks.rewritten(text, uri) == expected


def test_links_in_code_stay() -> None:
    text = "`[a](docs/search.md)` and [a](docs/search.md)"
    page = type("Page", (), {"file": type("F", (), {"src_uri": "index.md"})})
    out = site_hooks.on_page_markdown(text, page=page, config=None, files=None)  # type: ignore[arg-type]
    assert out == "`[a](docs/search.md)` and [a](search.md)"
