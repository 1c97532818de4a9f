"""Every document, section and equation that code and docs cite is in the repository, and every link leads somewhere.

Documents number their sections in headings (`## 3. Steps`, `### 3.5 Alignment`), their equations in code blocks, each
at the start of a line (`(12)  q = ...`), and some sections have numbered or lettered items. Text says
`docs/methods/saga.md section 5`, `... eq. 9 to 13`, `... section 8, item 2`, `... section 6 A`. A module that says
"equation numbers are those of docs/methods/saga.md" may write "eq. 13" and "section 5" alone.
"""

import importlib
import re
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = {".py", ".md", ".toml", ".css", ".js", ".html", ".yml", ".yaml", ".txt", ".cfg"}
OUTSIDE = re.compile(r"\bFACTS\b|\bDESIGN\b(?!_)|\bSTYLE's\b|(?<!/)\bshared/(?:methods/|[A-Z])")
"""Documents that are not in the repository."""
PATH = re.compile(r"(?<![\w/.}-])((?:\.\./)*[\w/-]*\w\.md)\b")
OF_THE_SITE = {"mkdocs.yml", "docs/site_hooks.py", "tests/test_docs_site.py"}
"""Their paths are those of the built pages; building them complains of one that is not there."""
PLACEHOLDERS = {"NAME.md", "results/NAME.md"}
PUBLISHED = re.compile(r"\b(?:19|20)\d\d\b|arXiv:\d|et al\.|Gaga's")
"""A sentence that names a publication cites its sections and equations, not ours."""
_NUMBER = r"\(?\d+(?:\.\d+)?\)?"
NUMBERS = rf"{_NUMBER}(?:(?:, | and | or | to |-){_NUMBER})*"
PLACE = re.compile(rf"\b(?P<kind>sections?|eqs?\.|items?) (?P<numbers>{NUMBERS})", re.IGNORECASE)
LETTERS = re.compile(r"\bsection (\d+(?:\.\d+)?) ([A-Za-z])(?: to ([A-Za-z]))?(?=[).,;:]| after|$)")
DEFAULT = re.compile(rf"numbers are those of ({PATH.pattern})(?: section \d+)?")
SENTENCE_END = re.compile(r'"""|\.\)? +(?=[A-Z*`"(\[])|\n\n')
MODULE = re.compile(
    r"(?<![\w/.*-])((?:lab|components|pipelines|assets|benchmarks|tests|examples)/[\w/-]*(?:\.\w+)?|[\w/]*\w\.py)(?![\w*])"
)
"""A folder or file of the code by its path, or a module by the end of it."""
DOTTED = re.compile(r"(?<![\w./-])liftlab(?:\.\w+)+")
NO_MODULES = {
    "pipelines/methods/NAME.py", "liftlab.log", "liftlab.methods", "liftlab.exporters", "liftlab.proposers",
    "liftlab.trackers", "liftlab.click_solvers", "liftlab.pair_predictors", "liftlab.text_encoders",
    "lab/page/static/wire.d",
}  # fmt: skip
"""A placeholder, the workspace's log, the entry-point groups, and a file of types (wire.d.ts)."""
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass
class Document:
    """What of a document can be cited."""

    sections: dict[str, str] = field(default_factory=dict)
    """Number to text, subsections included in their section's."""
    equations: set[int] = field(default_factory=set)
    anchors: set[str] = field(default_factory=set)
    """As GitHub makes them of headings."""


def read(text: str) -> Document:
    out = Document()
    fence = False
    for line in text.splitlines():
        fence ^= line.startswith("```")
        equation = re.match(r"\((\d+)\) ", line)
        if fence and equation:
            out.equations.add(int(equation[1]))
        heading = None if fence else re.match(r"#{1,6} (.+)", line)
        if heading:
            slug = re.sub(r"[^\w\- ]", "", re.sub(r"`|\*", "", heading[1]).lower()).replace(" ", "-")
            out.anchors.add(slug)
            numbered = re.match(r"#{2,3} (\d+(?:\.\d+)?)\.? ", line)
            if numbered:
                out.sections[numbered[1]] = ""
        for number in list(out.sections)[-1:]:
            for own in {number, number.split(".")[0]} & set(out.sections):
                out.sections[own] += line + "\n"
    return out


@cache
def document(path: Path) -> Document:
    return read(path.read_text(encoding="utf-8"))


def tracked() -> list[Path]:
    """Text files of the repository, those not yet committed included."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    ).stdout.split("\n")  # fmt: skip
    if len(names) < 2:
        pytest.skip("the files of the repository are known to git, and this is no checkout")
    paths = [ROOT / name for name in names if name]
    return [p for p in paths if p.is_file() and (p.suffix in TEXT or p.name in ("Makefile", "run"))]


def found(mention: str, origin: Path) -> Path | None:
    """The document a path means: from the root, from the file's own folder, or by its name in docs/."""
    for folder in (ROOT, origin.parent, ROOT / "docs", ROOT / "benchmarks"):
        if (folder / mention).is_file():
            return (folder / mention).resolve()
    return None


def expanded(numbers: str) -> list[str]:
    """ "9 to 13" as five numbers, "3.2 to 3.5 and 7" as its ends and 7."""
    out: list[str] = []
    tokens = re.findall(r"\d+(?:\.\d+)?|to|-", numbers)
    for at, token in enumerate(tokens):
        if token in ("to", "-"):
            low, high = tokens[at - 1], tokens[at + 1]
            out += (
                [str(n) for n in range(int(float(low)) + 1, int(float(high)))]
                if "." not in low + high
                else []
            )
        else:
            out.append(token)
    return out


def missing_places(text: str, target: Document, where: str) -> list[str]:
    """Sections, equations and items that a piece of text names and its document does not have."""
    out, section = [], ""
    for place in PLACE.finditer(text):
        kind = place["kind"].lower()
        for number in expanded(place["numbers"]):
            if kind.startswith("section"):
                section = number
                if number not in target.sections:
                    out.append(f"{where} has no section {number}")
            elif kind.startswith("eq"):
                if not number.isdigit() or int(number) not in target.equations:
                    out.append(f"{where} has no equation ({number})")
            elif section and not re.search(rf"^{number}\. ", target.sections.get(section, ""), re.MULTILINE):
                out.append(f"{where} section {section} has no item {number}")
    for number, first, last in LETTERS.findall(text):
        for letter in {first, last or first}:
            if not re.search(rf"^{letter}\. ", target.sections.get(number, ""), re.MULTILINE):
                out.append(f"{where} section {number} has no item {letter}")
    return out


def citation_problems(origin: Path, text: str) -> list[str]:
    """What is wrong with the citations of one file."""
    if origin.suffix == ".md":
        text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"[ \t]*\n[ \t]*(?:#+ )?(?=\S)", " ", text)
    out = [f"'{match[0]}' is no document of this repository" for match in OUTSIDE.finditer(text)]
    rest, paths = list(text), list(PATH.finditer(text))
    for at, match in enumerate(paths):
        if match[1] in PLACEHOLDERS:
            continue
        path = found(match[1], origin)
        if path is None:
            out.append(f"{match[1]} does not exist")
            continue
        end = paths[at + 1].start() if at + 1 < len(paths) else len(text)
        stop = SENTENCE_END.search(text, match.end(), end)
        end = stop.start() if stop else end
        out += missing_places(text[match.end() : end], document(path), match[1])
        rest[match.start() : end] = " " * (end - match.start())
    return out + bare_problems(origin, text, "".join(rest))


def bare_problems(origin: Path, text: str, rest: str) -> list[str]:
    """Equations and sections that are named without a document: of the module's own, a document's own, or a paper's."""
    default = DEFAULT.search(text) or DEFAULT.search(text.replace("Equation numbers", "equation numbers"))
    home = found(default[1], origin) if default else origin if origin.suffix == ".md" else None
    out, start = [], 0
    for stop in [*SENTENCE_END.finditer(rest), None]:
        end = stop.start() if stop else len(rest)
        sentence = rest[start:end]
        start = stop.end() if stop else end
        named = PLACE.search(sentence)
        if named is None or named["kind"].lower().startswith("item") or PUBLISHED.search(sentence):
            continue
        if home is None:
            out.append(f"'{named[0]}' says of no document: ...{sentence.strip()[-90:]}")
        else:
            out += missing_places(sentence, document(home), home.name)
    return out


def link_problems(origin: Path, text: str) -> list[str]:
    """Relative links of a Markdown file that lead nowhere."""
    out = []
    plain = re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.DOTALL | re.MULTILINE)
    for target in LINK.findall(plain):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (origin.parent / name).resolve() if name else origin
        if not path.exists() or not path.is_relative_to(ROOT):
            out.append(f"the link {target} leads to no file")
        elif anchor and path.suffix == ".md" and anchor not in document(path).anchors:
            out.append(f"the link {target} leads to no heading")
    return out


@cache
def modules() -> frozenset[str]:
    """Every Python file of the repository, by its path."""
    return frozenset(path.relative_to(ROOT).as_posix() for path in tracked() if path.suffix == ".py")


def code_problems(text: str) -> list[str]:
    """Files, folders and modules of the code that a document names and that are not there."""
    out = []
    for mention in MODULE.findall(text):
        ends = any(name == mention or name.endswith("/" + mention) for name in modules())
        if mention not in NO_MODULES and not ends and not (ROOT / mention).exists():
            out.append(f"{mention} is no file or folder of the code")
    for mention in DOTTED.findall(text):
        if mention not in NO_MODULES and not is_importable(mention):
            out.append(f"{mention} is not in the package")
    return out


@cache
def is_importable(dotted: str) -> bool:
    """Whether it is a module, or a name in one."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            if not hasattr(found, name):
                return False
            found = getattr(found, name)
        return True
    return False


def test_code_that_documents_name_is_here() -> None:
    problems = [
        f"{path.relative_to(ROOT)}: {problem}"
        for path in tracked()
        if path.suffix == ".md" and "benchmarks/results" not in path.as_posix()
        for problem in code_problems(path.read_text(encoding="utf-8"))
    ]
    assert not problems, "\n" + "\n".join(problems)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("See `lab/cells/capture.py`.", "lab/cells/capture.py"),
        ("In `components/masks/sam2_network.py`", "components/masks/sam2_network.py"),
        ("`click_solver.py` does", "click_solver.py"),
        ("the folder lab/cells/", "lab/cells/"),
        ("`liftlab.engine.labs`", "liftlab.engine.labs"),
        ("`liftlab.engine.lab.Labb`", "liftlab.engine.lab.Labb"),
    ],
)
def test_code_that_is_gone_is_noticed(text: str, complaint: str) -> None:
    assert [problem for problem in code_problems(text) if problem.startswith(complaint)]


def test_what_is_cited_is_here() -> None:
    problems = [
        f"{path.relative_to(ROOT)}: {problem}"
        for path in tracked()
        if path != Path(__file__) and path.relative_to(ROOT).as_posix() not in OF_THE_SITE
        for problem in citation_problems(path, path.read_text(encoding="utf-8"))
    ]
    assert not problems, "\n" + "\n".join(problems)


def test_links_lead_somewhere() -> None:
    problems = [
        f"{path.relative_to(ROOT)}: {problem}"
        for path in tracked()
        if path.suffix == ".md"
        for problem in link_problems(path, path.read_text(encoding="utf-8"))
    ]
    assert not problems, "\n" + "\n".join(problems)


def test_documents_of_methods_can_be_cited() -> None:
    """The numbering that this test looks for is there: else nothing above would be checked."""
    for name, sections, equations in (
        ("metrics", 10, 22), ("wildseg3d", 10, 11), ("saga", 13, 15), ("unic_lift", 11, 12), ("proto_saga", 10, 15),
        ("ovseg3r", 10, 18),
    ):  # fmt: skip
        known = document(ROOT / f"docs/methods/{name}.md")
        assert {str(n) for n in range(1, sections + 1)} <= set(known.sections), name
        assert known.equations == set(range(1, equations + 1)), name


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("Source: metrics.md eq. 5.", "does not exist"),
        ("Source: docs/methods/nerf.md eq. 5.", "does not exist"),
        ("Source: docs/methods/metrics.md section 11.", "no section 11"),
        ("Source: docs/methods/metrics.md eq. 20 to 23.", "no equation (23)"),
        ("Source: docs/methods/unic_lift.md\n    section 8, items 2 and 31.", "no item 31"),
        ("Source: docs/methods/proto_saga.md section 6 G.", "no item G"),
        ("Source: Proto-SaGa, eq. 7.", "says of no document"),
        (
            "Equation numbers are those of docs/methods/saga.md.\n\nThe two means of eq. 16.",
            "no equation (16)",
        ),
        ("The tolerance is critical (FACTS: .005).", "no document of this repository"),
        ("Folders as in DESIGN 3.", "no document of this repository"),
    ],
)
def test_a_broken_citation_is_noticed(text: str, complaint: str) -> None:
    problems = citation_problems(ROOT / "components" / "example.py", f'"""{text}"""\n')
    assert any(complaint in problem for problem in problems), problems


@pytest.mark.parametrize(
    "text",
    [
        "Source: docs/methods/wildseg3d.md sections 3.2 to 3.5 and 7; eq. (1) to (8).",
        "Source: docs/methods/wildseg3d.md section 3.5 a to e, after DUSt3R.",
        "Source: Kerr et al., LERF, ICCV 2023, eq. 99.",
        "Equation numbers are those of docs/methods/saga.md. The two means of eq. 11 (section 5).",
    ],
)
def test_a_sound_citation_is_not(text: str) -> None:
    assert citation_problems(ROOT / "components" / "example.py", f'"""{text}"""\n') == []


@pytest.mark.parametrize(
    "target", ["nowhere.md", "methods/saga.md#14-nothing", "../../etc/passwd", "#no-heading"]
)
def test_a_broken_link_is_noticed(target: str) -> None:
    assert link_problems(ROOT / "docs" / "formats.md", f"See [this]({target}).")
