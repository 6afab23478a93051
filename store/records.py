"""run.json files into `runs`, `run_sites` and `groups`: once per run, before its logs."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import duckdb

from store.connection import Connection
from workbench.errors import InvalidError
from workbench.run.layout import RunDir
from workbench.run.record import RunRecord, SiteRecord, read_record

_BATCH = 100
_RUN = {
    "run_id": "VARCHAR",
    "name": "VARCHAR",
    "plan": "VARCHAR",
    "plan_hash": "VARCHAR",
    "model": "VARCHAR",
    "model_fingerprint": "VARCHAR",
    "recipe": "VARCHAR",
    "recipe_hash": "VARCHAR",
    "data_hash": "VARCHAR",
    "seed": "INTEGER",
    "created": "DOUBLE",
    "trainable_params": "BIGINT",
    "base_params": "BIGINT",
    "predicted_bytes": "BIGINT",
    "reference": "BOOLEAN",
}
_SITE = {
    "run_id": "VARCHAR",
    "site": "VARCHAR",
    "block": "INTEGER",
    "module": "VARCHAR",
    "layer_type": "VARCHAR",
    "depth": "DOUBLE",
    "band": "VARCHAR",
    "in_features": "INTEGER",
    "out_features": "INTEGER",
    "base": "VARCHAR",
    "blocksize": "INTEGER",
    "bits": "DOUBLE",
    "method": "VARCHAR",
    "r": "INTEGER",
    "alpha": "DOUBLE",
    "scaling": "DOUBLE",
    "balance": "INTEGER",
    "pool": "INTEGER",
    "dropout": "DOUBLE",
    "init": "VARCHAR",
    "trainable_params": "BIGINT",
}
_GROUP = {"group_name": "VARCHAR", "model_fingerprint": "VARCHAR", "site": "VARCHAR"}


@dataclass(frozen=True, slots=True)
class _Rows:
    """What one run.json becomes: its row, its sites' and its groups'."""

    source: str
    run: dict[str, Any]
    sites: list[dict[str, Any]]
    groups: list[dict[str, Any]]


def add_records(connection: Connection, folders: Iterable[RunDir]) -> tuple[int, list[str]]:
    """Inserts runs that are new to the database; returns how many, and a warning for each that cannot be used."""
    rows, warnings = _read(folders)
    added = 0
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        try:
            _insert(connection, batch)
            added += len(batch)
        except duckdb.Error:
            good, broken = _insert_one_by_one(connection, batch)
            added += good
            warnings += broken
    return added, warnings


def forget(connection: Connection, run_ids: list[str], keys: list[str]) -> None:
    """Takes all rows of these runs, and the cursors of these log files, out of the database."""
    connection.begin()
    for table in ("runs", "run_sites", "metrics", "evals", "events"):
        connection.execute(f"delete from {table} where run_id in (select unnest($ids))", {"ids": run_ids})
    connection.execute("delete from ingest_cursor where file in (select unnest($keys))", {"keys": keys})
    connection.commit()


def _read(folders: Iterable[RunDir]) -> tuple[list[_Rows], list[str]]:
    """Oldest run first: where runs define a group differently, the newest definition comes last and holds."""
    rows, warnings = [], []
    for folder in folders:
        try:
            rows.append(_rows(folder))
        except InvalidError as error:
            warnings.append(error.title)
        except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
            warnings.append(f"{folder.record}: not a run record ({error!r})")
    return sorted(rows, key=lambda r: (r.run["created"], r.run["run_id"])), warnings


def _rows(folder: RunDir) -> _Rows:
    record = read_record(folder.record)
    if record.run_id != folder.run_id:
        raise InvalidError(f"{folder.record}: is of run {record.run_id}, in the folder of run {folder.run_id}")
    return _Rows(
        str(folder.record),
        _run_row(record),
        [_site_row(record.run_id, site) for site in record.sites],
        [
            {"group_name": name, "model_fingerprint": record.model_fingerprint, "site": site}
            for name, sites in record.groups.items()
            for site in sites
        ],
    )


def _run_row(record: RunRecord) -> dict[str, Any]:
    derived = {
        "recipe": record.recipe_name,
        "predicted_bytes": record.predicted_bytes["total"],
        "created": float(record.created),
    }
    return {column: derived[column] if column in derived else getattr(record, column) for column in _RUN}


def _site_row(run_id: str, site: SiteRecord) -> dict[str, Any]:
    values = asdict(site) | {"run_id": run_id}
    return {column: values[column] for column in _SITE}


def _insert(connection: Connection, batch: list[_Rows]) -> None:
    """All of the batch or nothing. Raises duckdb.Error for a value that does not fit its column."""
    connection.begin()
    try:
        _insert_rows(connection, "runs", _RUN, [rows.run for rows in batch])
        _insert_rows(connection, "run_sites", _SITE, [site for rows in batch for site in rows.sites])
        _replace_groups(connection, batch)
    except duckdb.Error:
        connection.rollback()
        raise
    connection.commit()


def _insert_one_by_one(connection: Connection, batch: list[_Rows]) -> tuple[int, list[str]]:
    warnings = []
    for rows in batch:
        try:
            _insert(connection, [rows])
        except duckdb.Error as error:
            warnings.append(f"{rows.source}: not a run record ({error})")
    return len(batch) - len(warnings), warnings


def _replace_groups(connection: Connection, batch: list[_Rows]) -> None:
    newest: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for rows in batch:
        own: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in rows.groups:
            own.setdefault((row["group_name"], row["model_fingerprint"]), []).append(row)
        newest |= own
    connection.execute(
        "delete from groups where (group_name, model_fingerprint) in (select unnest($names), unnest($models))",
        {"names": [name for name, _ in newest], "models": [model for _, model in newest]},
    )
    _insert_rows(connection, "groups", _GROUP, [row for group in newest.values() for row in group])


def _insert_rows(connection: Connection, table: str, columns: dict[str, str], rows: list[dict[str, Any]]) -> None:
    """Inserts rows, given as one JSON text: a hundred times faster than one by one."""
    if not rows:
        return
    converted = {"created": "make_timestamp((row.created * 1e6)::bigint)"}
    chosen = [converted.get(column, f"row.{column}") for column in columns]
    connection.execute(
        f"""insert into {table} ({", ".join(columns)}) select {", ".join(chosen)}
        from (select unnest(from_json_strict($rows, $shape)) as row)""",
        {"rows": json.dumps(rows, ensure_ascii=False), "shape": json.dumps([columns])},
    )
