"""Tables as CSV and LaTeX."""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

from liftlab.components.errors import InputError
from liftlab.components.files import atomic_write
from liftlab.report.summary import Row
from liftlab.report.tables import Cell, Table, all_tables

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--",
}  # fmt: skip


def write_csv(rows: Sequence[Row], folder: Path) -> list[Path]:
    """One CSV per table, numbers in full precision (fractions, seconds); the files written."""
    return _write(rows, folder, "csv", as_csv)


def write_latex(rows: Sequence[Row], folder: Path) -> list[Path]:
    """One LaTeX tabular (booktabs) per table, best bold and second underlined; the files written."""
    return _write(rows, folder, "tex", as_latex)


def as_csv(table: Table) -> str:
    """The table with full numbers; empty where there is none."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.headers)
    for name, *cells in table.rows:
        writer.writerow([name.text, *("" if cell.value is None else repr(cell.value) for cell in cells)])
    return out.getvalue()


def as_latex(table: Table) -> str:
    """The table as people see it."""
    lines = [
        f"% {table.title}: {table.note}",
        rf"\begin{{tabular}}{{l{'r' * (len(table.headers) - 1)}}}",
        r"\toprule",
        " & ".join(_escaped(header) for header in table.headers) + r" \\",
        r"\midrule",
        *(" & ".join(_latex_cell(cell) for cell in row) + r" \\" for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _latex_cell(cell: Cell) -> str:
    text = _escaped(cell.text)
    if cell.rank == 1:
        return rf"\textbf{{{text}}}"
    return rf"\underline{{{text}}}" if cell.rank == 2 else text


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(c, c) for c in text)


def _write(rows: Sequence[Row], folder: Path, ending: str, form: Callable[[Table], str]) -> list[Path]:
    out = []
    try:
        for table in all_tables(rows):
            path = folder / f"{table.name}.{ending}"
            with atomic_write(path, "w") as file:
                file.write(form(table))
            out.append(path)
    except OSError as error:
        raise InputError(f"The tables cannot be written ({error.strerror}): {folder}") from error
    return out
