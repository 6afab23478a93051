"""The same report as HTML and as Markdown: nothing of a user's text is taken for markup."""

from html.parser import HTMLParser

from workbench.report.figures.figure import Figure
from workbench.report.study.blocks import Code, Numbers, Picture, Points, Report, Section, Text
from workbench.report.study.html import to_html
from workbench.report.study.markdown import to_markdown
from workbench.report.table import Column, Table

EVIL = '<script>alert(1)</script> | `x` *y* [z](http://e) & "q"'
FIGURE = Figure("plot", EVIL, EVIL, "<svg xmlns='http://www.w3.org/2000/svg'/>", "a,b\n1,2\n")
REPORT = Report(
    EVIL,
    EVIL,
    (
        Section(
            EVIL,
            (
                Text(EVIL),
                Points((("label", EVIL), ("", EVIL))),
                Numbers(Table((Column(EVIL), Column("b", "left")), ((EVIL, "1"),)), EVIL, "select '```' -- </pre>"),
                Picture(FIGURE, EVIL),
                Code("```\n" + EVIL, "yaml"),
            ),
        ),
    ),
)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.links += [value or "" for key, value in attrs if key in ("href", "src")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_well_formed_and_runs_nothing() -> None:
    tags = _Tags()
    tags.feed(to_html(REPORT))
    assert tags.open == []
    assert "script" not in tags.seen
    assert {"table", "img", "pre", "details", "li"} <= set(tags.seen)
    assert all(link.startswith(("data:", "#")) for link in tags.links)


def test_markdown_keeps_markup_apart() -> None:
    page = to_markdown(REPORT, "figures")
    assert "\n## \\<script\\>alert(1)" in page
    assert "![\\<script\\>" in page
    assert "](figures/plot.svg)" in page
    assert "\n````yaml\n```\n" in page
    assert "\n````sql\nselect '```'" in page
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert len(rows) == 3
    assert rows[2].count(" | ") == 1
