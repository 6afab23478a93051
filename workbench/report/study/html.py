"""A report as one HTML file: figures and their data are in it, and nothing is loaded from elsewhere."""

import base64
from html import escape

from workbench.report.study.blocks import Block, Code, Numbers, Picture, Points, Report, Section, Text
from workbench.report.table import Table

_STYLE = """
:root { color-scheme: light; }
body { margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #1b1b1b; background: #fff;
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin-bottom: .2rem; }
h2 { font-size: 1.25rem; margin-top: 2.4rem; border-bottom: 1px solid #ccc; padding-bottom: .2rem; }
.subtitle, .note { color: #555; }
.note { font-size: .9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .8rem; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .5rem; border-bottom: 1px solid #e3e3e3; white-space: nowrap; }
th { border-bottom: 2px solid #999; text-align: left; }
td.right, th.right { text-align: right; }
tr:hover td { background: #f5f5f5; }
figure { margin: 1.2rem 0; }
figure img { max-width: min(100%, 60rem); height: auto; }
figcaption { font-size: .9rem; color: #555; }
pre { background: #f6f6f6; padding: .7rem; overflow-x: auto; font-size: .8rem; line-height: 1.35; }
details { margin: .4rem 0 1rem; }
summary { cursor: pointer; font-size: .85rem; color: #444; }
@media print { details { display: none; } body { margin: 0; max-width: none; } }
"""


def to_html(report: Report) -> str:
    """The page."""
    title = escape(report.title)
    sections = "\n".join(_section(number, section) for number, section in enumerate(report.sections, 1))
    links = " · ".join(f'<a href="#s{n}">{escape(s.heading)}</a>' for n, s in enumerate(report.sections, 1))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f'<p class="subtitle">{escape(report.subtitle)}</p>\n<nav class="note">{links}</nav>\n'
        f"{sections}\n</body>\n</html>\n"
    )


def _section(number: int, section: Section) -> str:
    blocks = "\n".join(_block(block) for block in section.blocks)
    return f'<section id="s{number}">\n<h2>{escape(section.heading)}</h2>\n{blocks}\n</section>'


def _block(block: Block) -> str:
    match block:
        case Text():
            return f"<p>{escape(block.text)}</p>"
        case Points():
            return "<ul>\n" + "\n".join(_point(label, text) for label, text in block.lines) + "\n</ul>"
        case Numbers():
            return _numbers(block)
        case Picture():
            return _picture(block)
        case Code():
            return f"<pre>{escape(block.text)}</pre>"


def _point(label: str, text: str) -> str:
    return f"<li><strong>{escape(label)}</strong>: {escape(text)}</li>" if label else f"<li>{escape(text)}</li>"


def _numbers(block: Numbers) -> str:
    parts = [f'<div class="scroll">{_table(block.table)}</div>']
    if block.note:
        parts.append(f'<p class="note">{escape(block.note)}</p>')
    if block.sql:
        parts.append(f"<details><summary>SQL of this table</summary><pre>{escape(block.sql)}</pre></details>")
    return "\n".join(parts)


def _table(table: Table) -> str:
    headings = "".join(f'<th class="{c.align}">{escape(c.heading)}</th>' for c in table.columns)
    rows = "\n".join(
        "<tr>"
        + "".join(f'<td class="{c.align}">{escape(cell)}</td>' for c, cell in zip(table.columns, row, strict=True))
        + "</tr>"
        for row in table.rows
    )
    return f"<table>\n<thead><tr>{headings}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"


def _picture(block: Picture) -> str:
    """As an image, not inline: two figures' drawings must not find each other's parts by name."""
    figure = block.figure
    svg = f"data:image/svg+xml;base64,{_base64(figure.svg)}"
    data = f"data:text/csv;base64,{_base64(figure.csv)}"
    links = " ".join(
        f'<a download="{escape(figure.name)}.{kind}" href="{link}">{kind.upper()}</a>'
        for kind, link in (("svg", svg), ("csv", data))
    )
    image = f'<img src="{svg}" alt="{escape(figure.alt)}">'
    return f"<figure>\n{image}\n<figcaption>{escape(block.note)} {links}</figcaption>\n</figure>"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
