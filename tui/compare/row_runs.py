"""Which runs a row of a result stands for, told by the columns that name runs."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tui.compare.parameters import Values
from workbench.errors import NotFoundError, UsageError
from workbench.run.layout import Home

# The first of these that a result has a value in says which run, arm, plan, study or group is meant.
_COLUMNS = {
    "run_id": ("run_id", "run"),
    "name": ("run", "name", "run_name"),
    "arm": ("arm",),
    "plan": ("plan",),
    "study": ("study",),
    "group": ("group_name", "group", "layer_group"),
}
MOST = 1000
_RUN_ID = re.compile(r"[0-9a-f]{12}")


def names_in(columns: Sequence[str], row: Sequence[Any], values: Values) -> dict[str, str]:
    """What the row names, by kind; `values` are those that the query was asked with. Empty for a row without names."""
    found = {name.lower(): str(value) for name, value in zip(columns, row, strict=True) if value is not None}
    named: dict[str, str] = {}
    for kind, words in _COLUMNS.items():
        value = next((found[word] for word in words if word in found), None)
        if value is not None and (kind != "run_id" or _RUN_ID.fullmatch(value)):
            named[kind] = value
    if "run_id" in named:
        return {"run_id": named["run_id"]}
    if len(named) > 1:
        named.pop("group", None)  # the group of an arm's row is a part of its runs, not another set of them
    if "arm" in named and values.get("study"):
        named.setdefault("study", str(values["study"]))
    if named and found.get("seed", "").isdecimal():
        named["seed"] = found["seed"]
    return named


def runs_query(named: Mapping[str, str]) -> str:
    """The SQL that finds the runs of these names, the newest first."""
    study = _quoted(named["study"]) if "study" in named else None
    conditions = [f"{kind} = {_quoted(named[kind])}" for kind in ("run_id", "name", "plan") if kind in named]
    conditions += [f"seed = {named['seed']}"] if "seed" in named else []
    if "arm" in named:
        # References without a study stand beside the arms of every study.
        within = f" and (study = {study} or (study is null and reference))" if study else ""
        conditions.append(f"run_id in (select run_id from arm_runs where arm = {_quoted(named['arm'])}{within})")
    elif study:
        conditions.append(f"run_id in (select run_id from study_runs where study = {study})")
    if "group" in named:
        group = _quoted(named["group"])
        conditions.append(f"run_id in (select run_id from site_groups where group_name = {group} and r is not null)")
    return f"select run_id from runs where {' and '.join(conditions)} order by created desc, seed"


def runs_of_row(home: Home, columns: Sequence[str], row: Sequence[Any], values: Values) -> tuple[str, ...]:
    """Raises UsageError for a row that names no runs, NotFoundError where there are none of them, and as `query`."""
    from store.sandbox import query

    named = names_in(columns, row, values)
    if not named:
        raise UsageError("this row names no runs", "a column run_id, run, arm, plan, study or group_name tells which")
    run_ids = tuple(str(run_id) for (run_id,) in query(home, runs_query(named), MOST).rows)
    if not run_ids:
        said = ", ".join(f"{kind} {value}" for kind, value in named.items())
        raise NotFoundError(f"no runs of {said} are here", "they may have been removed: F5 asks again")
    return run_ids


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
