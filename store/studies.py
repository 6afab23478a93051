"""The studies of a home into the tables `studies` and `study_runs`, from their `members.jsonl`."""

import json
import os
from typing import Any

from store.connection import Connection
from workbench.run.layout import Home
from workbench.study.members import FILE_NAME, Members, read_members

# A line per factor of every run; a run that no factor speaks of, such as the baseline's, has one without a factor.
_ROWS = """
insert into study_runs
select $study, m.arm, m.factor, m.level, m.seed, m.run_id
from (
  select unnest(from_json_strict($rows,
    '[{"arm": "VARCHAR", "factor": "VARCHAR", "level": "VARCHAR", "seed": "INTEGER", "run_id": "VARCHAR"}]')) as m
)
"""
_STUDY = "insert into studies values ($study, $baseline, $metric, make_timestamp(($created * 1e6)::bigint))"


def take_studies(connection: Connection, home: Home) -> list[str]:
    """Brings both tables up to date; a warning for each file with lines that cannot be read.

    A study is read again as a whole when its file has another size or time: it is small, and what is current in it
    depends on all of it.
    """
    files = _files(home)
    known = _known(connection)
    if files == known:
        return []
    connection.begin()
    warnings = []
    for study in sorted(known.keys() - files.keys()):
        _forget(connection, study)
    for study, state in files.items():
        if known.get(study) != state:
            _forget(connection, study)
            warnings += _take(connection, home, study, state)
    connection.commit()
    return warnings


def _key(study: str) -> str:
    return f"studies/{study}/{FILE_NAME}"


def _files(home: Home) -> dict[str, tuple[int, str]]:
    """Size and time of every members file, by study."""
    found = {}
    for path in sorted(home.studies.glob(f"*/{FILE_NAME}")):
        stat = os.stat(path)
        found[path.parent.name] = (stat.st_size, str(stat.st_mtime_ns))
    return found


def _known(connection: Connection) -> dict[str, tuple[int, str]]:
    rows = connection.execute(
        """select split_part(file, '/', 2), "offset", tail from ingest_cursor where starts_with(file, 'studies/')"""
    ).fetchall()
    return {study: (size, time) for study, size, time in rows}


def _forget(connection: Connection, study: str) -> None:
    for table in ("studies", "study_runs"):
        connection.execute(f"delete from {table} where study = ?", [study])
    connection.execute("delete from ingest_cursor where file = ?", [_key(study)])


def _take(connection: Connection, home: Home, study: str, state: tuple[int, str]) -> list[str]:
    path = home.studies / study / FILE_NAME
    members = read_members(path)
    if members.created is not None:
        head = {"baseline": members.baseline, "metric": members.metric, "created": members.created}
        connection.execute(_STUDY, {"study": study, **head})
        connection.execute(_ROWS, {"study": study, "rows": json.dumps(_rows(members))})
    connection.execute("insert into ingest_cursor values (?, ?, ?, ?)", [_key(study), *state, members.bad_lines])
    return [f"{path}: {members.bad_lines} lines cannot be read"] if members.bad_lines else []


def _rows(members: Members) -> list[dict[str, Any]]:
    return [
        {"arm": member.arm, "factor": factor, "level": level, "seed": member.seed, "run_id": member.run_id}
        for member in members.current
        for factor, level in (member.levels or ((None, None),))
    ]
