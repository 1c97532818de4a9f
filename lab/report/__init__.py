"""A benchmark's rows as one self-contained HTML file, as CSV and as LaTeX."""

from liftlab.report.html import write_html
from liftlab.report.text import write_csv, write_latex

__all__ = ["write_csv", "write_html", "write_latex"]
