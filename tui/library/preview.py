"""A preview as plain values: headed parts of lines."""

from dataclasses import dataclass, replace

from rich.text import Text

from workbench.errors import WorkbenchError
from workbench.report.plain import visible


@dataclass(frozen=True, slots=True)
class Part:
    """Lines under a heading, "" for none."""

    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What is shown of an entry. `problem`: it cannot be used as it is.

    Of a study, `finished` counts its runs; where there is `more_to_come`, it stands after so many `before` parts.
    """

    parts: tuple[Part, ...]
    problem: bool = False
    more_to_come: bool = False
    finished: int = 0
    before: int = 0

    def completed(self, parts: tuple[Part, ...]) -> "Preview":
        """With what was to come."""
        return replace(self, parts=(*self.parts[: self.before], *parts, *self.parts[self.before :]), more_to_come=False)

    def text(self) -> Text:
        """For the screen: nothing in it is taken for markup or obeyed by a terminal."""
        text = Text()
        for part in self.parts:
            if not part.lines:
                continue
            if text:
                text.append("\n\n")
            if part.heading:
                text.append(f"{visible(part.heading)}\n", "bold")
            text.append("\n".join(map(visible, part.lines)))
        return text


def page_text(text: str) -> Text:
    """Lines of a command's answer, made fit for a terminal."""
    return Text("\n".join(map(visible, text.splitlines())))


def problem_preview(error: WorkbenchError | OSError) -> Preview:
    """Every problem with its place and what to do."""
    if not isinstance(error, WorkbenchError):
        return Preview((Part("cannot be read", (str(error),)),), problem=True)
    lines = [line for problem in error.problems for line in str(problem).splitlines()]
    hint = (error.hint,) if error.hint else ()
    return Preview((Part(error.title, (*lines, *hint)),), problem=True)
