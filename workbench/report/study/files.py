"""Writes a report to files, each at once or not at all."""

from pathlib import Path

from workbench import atomic
from workbench.report.study.blocks import Picture, Report
from workbench.report.study.html import to_html
from workbench.report.study.markdown import to_markdown


def write_html(report: Report, path: Path) -> None:
    """One file with everything in it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, to_html(report))


def write_markdown(report: Report, path: Path) -> None:
    """The page, and a folder of its figures and their data beside it. Raises OSError."""
    folder = path.with_name(f"{path.stem}-figures")
    folder.mkdir(parents=True, exist_ok=True)
    for section in report.sections:
        for block in section.blocks:
            if isinstance(block, Picture):
                atomic.write_text(folder / f"{block.figure.name}.svg", block.figure.svg)
                atomic.write_text(folder / f"{block.figure.name}.csv", block.figure.csv)
    atomic.write_text(path, to_markdown(report, folder.name))
