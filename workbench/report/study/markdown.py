"""A report as Markdown. Figures and their data are files beside it, under the names that it refers to."""

import re

from workbench.report.study.blocks import Block, Code, Numbers, Picture, Points, Report, Text

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")


def to_markdown(report: Report, figures: str) -> str:
    """The page; `figures` is the folder of the figures, relative to it."""
    parts = [f"# {_escaped(report.title)}", _escaped(report.subtitle)]
    for section in report.sections:
        parts.append(f"## {_escaped(section.heading)}")
        parts += [_block(block, figures) for block in section.blocks]
    return "\n\n".join(parts) + "\n"


def _block(block: Block, figures: str) -> str:
    match block:
        case Text():
            return _escaped(block.text)
        case Points():
            return "\n".join(_point(label, text) for label, text in block.lines)
        case Numbers():
            return _numbers(block)
        case Picture():
            return _picture(block, figures)
        case Code():
            return _fenced(block.text, block.language)


def _point(label: str, text: str) -> str:
    return f"- **{_escaped(label)}**: {_escaped(text)}" if label else f"- {_escaped(text)}"


def _numbers(block: Numbers) -> str:
    parts = [block.table.markdown()]
    if block.note:
        parts.append(_escaped(block.note))
    if block.sql:
        summary = "<details><summary>SQL of this table</summary>"
        parts.append(f"{summary}\n\n{_fenced(block.sql, 'sql')}\n\n</details>")
    return "\n\n".join(parts)


def _picture(block: Picture, figures: str) -> str:
    figure = block.figure
    image = f"![{_escaped(figure.alt)}]({figures}/{figure.name}.svg)"
    data = f"{_escaped(block.note)} [Data]({figures}/{figure.name}.csv)".strip()
    return f"{image}\n\n{data}"


def _fenced(text: str, language: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
