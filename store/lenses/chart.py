"""What a lens says about its chart: `points x=trainable_params y=mean low=low high=high label=arm`."""

from dataclasses import dataclass

from workbench.nearest import nearest

# What a chart must name, and what it may: the columns of the ends of an interval, of what tells series apart, of the
# text at a point, and of whether a point is marked.
_REQUIRED = {"points": ("x", "y"), "lines": ("x", "y"), "heat": ("x", "y", "value")}
_OPTIONAL = ("low", "high", "by", "label", "mark")


@dataclass(frozen=True, slots=True)
class Chart:
    """`kind` is `points`, `lines` or `heat`; `columns` has the column for each role: x, y, value and so on."""

    kind: str
    columns: dict[str, str]

    def __str__(self) -> str:
        return " ".join([self.kind, *(f"{role}={column}" for role, column in self.columns.items())])


class ChartProblem(ValueError):
    """What is wrong with a chart's words, and what to do about it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def read_chart(text: str) -> Chart:
    """Raises ChartProblem for an unknown kind or role, and for a role without its column."""
    kind, *pairs = text.split() or [""]
    if kind not in _REQUIRED:
        raise ChartProblem(f"'{kind}' is no kind of chart", nearest(kind, _REQUIRED))
    columns = {}
    for pair in pairs:
        role, equals, column = pair.partition("=")
        if role not in (*_REQUIRED[kind], *_OPTIONAL) or not equals or not column:
            roles = nearest(role, (*_REQUIRED[kind], *_OPTIONAL))
            raise ChartProblem(f"'{pair}' says no column of a {kind} chart", f"write role=column; {roles}")
        columns[role] = column
    if missing := [role for role in _REQUIRED[kind] if role not in columns]:
        raise ChartProblem(f"a {kind} chart needs {' and '.join(missing)}", f"name the column: {missing[0]}=COLUMN")
    return Chart(kind, columns)
