"""Pages of the site that lie outside docs/, and links that lead there (mkdocs loads this; see mkdocs.yml).

On a repository page a link is relative to its file. README, CONTRIBUTING and the tables of benchmarks/ are pages of the
site as well, so their links and those to them are written anew for it; a folder is shown as the list of its pages.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
OUTSIDE = {
    "README.md": "index.md",
    **{name: name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "THIRD_PARTY_NOTICES.md", "LICENSE")},
    "assets/captures/README.md": "assets/captures/README.md",
}
"""File of the repository to page of the site."""
FOLDERS = {"docs/methods": "Methods", "benchmarks/results": "Results of benchmarks"}
"""Folders that are linked to as such, and the title of their list."""
EXAMPLES = "examples/README.md"
"""Page with the scripts of examples/."""
LINK = re.compile(r"(\]\()([^)\s]+)(\))")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)


def site_place(path: str) -> str | None:
    """Where a file or folder of the repository stands in the site; None when it is not there."""
    path = posixpath.normpath(path)
    if path in OUTSIDE:
        return OUTSIDE[path]
    if path == "examples":
        return EXAMPLES
    if path in FOLDERS:
        return site_folder(path) + "/README.md"
    if path.startswith(("docs/", "benchmarks/results/")) and (ROOT / path).is_file():
        return path.removeprefix("docs/")
    return None


def site_folder(folder: str) -> str:
    return folder.removeprefix("docs/")


def repository_place(uri: str) -> str:
    """The file of the repository that a page of the site was made of."""
    for path, page in OUTSIDE.items():
        if page == uri:
            return path
    return uri if uri.startswith("benchmarks/") else f"docs/{uri}"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies outside docs/, and a list for each folder."""
    for path, uri in OUTSIDE.items():
        files.append(File.generated(config, uri, content=(ROOT / path).read_text(encoding="utf-8")))
    for path in sorted((ROOT / "benchmarks" / "results").glob("*.md")):
        uri = f"benchmarks/results/{path.name}"
        files.append(File.generated(config, uri, content=path.read_text(encoding="utf-8")))
    for folder, title in FOLDERS.items():
        files.append(
            File.generated(config, f"{site_folder(folder)}/README.md", content=listing(folder, title))
        )
    files.append(File.generated(config, EXAMPLES, content=scripts()))
    return files


def scripts() -> str:
    """A page with every example."""
    lines = [
        "# Examples",
        "",
        "They run from a clone; two notebooks beside them show the same with pictures.",
    ]
    for path in sorted((ROOT / "examples").glob("*.py")):
        lines += ["", f"## {path.name}", "", "```python", path.read_text(encoding="utf-8").rstrip(), "```"]
    return "\n".join(lines) + "\n"


def listing(folder: str, title: str) -> str:
    """A page with a link to every page of a folder."""
    lines = [f"# {title}", ""]
    for path in sorted((ROOT / folder).glob("*.md")):
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        lines.append(f"- [{first.lstrip('# ')}]({path.name})")
    return "\n".join(lines) + "\n"


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Write links of a page for the site; those in code stay."""
    uri = page.file.src_uri
    if uri.endswith("/README.md") and uri not in OUTSIDE.values():
        return markdown  # a list of this file
    out, at = [], 0
    for code in CODE.finditer(markdown):
        out += [rewritten(markdown[at : code.start()], uri), code[0]]
        at = code.end()
    return "".join([*out, rewritten(markdown[at:], uri)])


def rewritten(text: str, uri: str) -> str:
    """Text of a page with its links relative to the page's place in the site."""
    origin = posixpath.dirname(repository_place(uri))

    def one(link: re.Match[str]) -> str:
        target, _, anchor = link[2].partition("#")
        if not target or re.match(r"[a-z]+:", target):
            return link[0]
        place = site_place(posixpath.join(origin, target))
        if place is None:
            return link[0]  # mkdocs complains of it
        there = posixpath.relpath(place, posixpath.dirname(uri) or ".")
        return link[1] + there + (f"#{anchor}" if anchor else "") + link[3]

    return LINK.sub(one, text)
