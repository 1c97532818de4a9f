"""The table of export formats in docs/formats.md, made from the registry.

`python -m liftlab.export.table docs/formats.md` writes it into the file; without a file it is printed, with the formats
of the packages that are installed here.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from liftlab.export.formats import EXPORT_FORMATS, ExportFormat

BEGIN, END = "<!-- exports: made by python -m liftlab.export.table -->\n\n", "\n<!-- end of exports -->\n"


def table_of(records: Sequence[ExportFormat]) -> str:
    """One row per format, as Markdown."""
    rows = [("kind", "file", "needs", "opens in"), ("---",) * 4]
    for one in records:
        needs = "splats" if one.needs_splats else ""
        rows.append((f"`{one.name}`", f"`{one.file}`: {one.content}", needs, one.opens_in))
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |\n" for row in rows)


def with_table(text: str, table: str) -> str:
    """A page with `table` in the place that is marked for it. ValueError when no place is."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"text must hold the lines {BEGIN.strip()} and {END.strip()}; add them.")
    return f"{before}{BEGIN}{table}{END}{after}"


def ours() -> list[ExportFormat]:
    """Formats that come with LiftLab."""
    return [record for record in EXPORT_FORMATS.records() if not EXPORT_FORMATS.package_of(record)]


def main(arguments: Sequence[str]) -> None:
    """Print the table, or write ours into a file."""
    if not arguments:
        print(table_of(EXPORT_FORMATS.records()), end="")
        return
    page = Path(arguments[0])
    page.write_text(with_table(page.read_text(encoding="utf-8"), table_of(ours())), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
