"""run.json files into `runs`, `run_sites` and `groups`: once per run, before its logs."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from store.connection import Connection
from workbench.errors import InvalidError
from workbench.run.layout import RunDir
from workbench.run.record import RECORD_VERSION, read_record

BATCH_BYTES = 16 << 20
_RUN = {
    "run_id": "VARCHAR",
    "name": "VARCHAR",
    "plan": "VARCHAR",
    "plan_hash": "VARCHAR",
    "model": "VARCHAR",
    "model_fingerprint": "VARCHAR",
    "recipe_name": "VARCHAR",
    "recipe_hash": "VARCHAR",
    "data_hash": "VARCHAR",
    "seed": "INTEGER",
    "created": "DOUBLE",
    "trainable_params": "BIGINT",
    "base_params": "BIGINT",
    "reference": "BOOLEAN",
    "groups": "MAP(VARCHAR, VARCHAR[])",
    "v": "INTEGER",
}
_SITE = {
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
_SHAPE = json.dumps({**_RUN, "predicted_bytes": "JSON", "sites": [_SITE]})
# A record of another form, in another's folder, or without what everything needs is not good: `read_record` says why.
_STAGE = """
create or replace temp table record as
select run_id, r,
  coalesce(r.run_id = run_id and r.v = $version and r.created is not null and total is not null, false) as good
from (
  select run_id, r, try_cast(r.predicted_bytes->>'total' as bigint) as total
  from (
    select run_id, try(from_json_strict(text, $shape)) as r
    from (select unnest($runs) as run_id, unnest($texts) as text)
  )
)
"""
_RUNS = """
insert into runs (run_id, name, plan, plan_hash, model, model_fingerprint, recipe, recipe_hash, data_hash, seed,
  created, trainable_params, base_params, predicted_bytes, reference)
select run_id, r.name, r.plan, r.plan_hash, r.model, r.model_fingerprint, r.recipe_name, r.recipe_hash, r.data_hash,
  r.seed, make_timestamp((r.created * 1e6)::bigint), r.trainable_params, r.base_params,
  (r.predicted_bytes->>'total')::bigint, r.reference
from record where good
"""
_SITES = f"""
insert into run_sites (run_id, {", ".join(_SITE)})
select run_id, {", ".join(f"s.{column}" for column in _SITE)}
from (select run_id, unnest(r.sites) as s from record where good)
"""
_DEFINITIONS = """
insert into group_definitions
select run_id, r.created, entry.key, r.model_fingerprint, entry.value
from (select run_id, r, unnest(map_entries(r.groups)) as entry from record where good)
"""
# Before definitions go and after they came, so that what they are about is known.
_AFFECTED = """
create or replace temp table affected as
select distinct group_name, model_fingerprint from group_definitions where run_id in (select unnest($ids))
"""
# Where runs define a group differently, the newest definition holds, in whatever order they came.
_GROUPS = """
delete from groups where (group_name, model_fingerprint) in (select (group_name, model_fingerprint) from affected);
insert into groups
select group_name, model_fingerprint, unnest(arg_max(sites, (created, run_id)))
from group_definitions join affected using (group_name, model_fingerprint)
group by group_name, model_fingerprint;
"""


def add_records(connection: Connection, folders: list[RunDir]) -> tuple[int, list[str]]:
    """Inserts runs that are new to the database; returns how many, and a warning for each that cannot be used.

    The records of the form that this version writes go in by SQL and together, the others one by one.
    """
    if not folders:
        return 0, []
    odd: list[RunDir] = []
    added: set[str] = set()
    connection.begin()
    for batch in _batches(folders):
        good = _insert(connection, batch)
        added |= good
        odd += [folder for folder, _ in batch if folder.run_id not in good]
    _define_groups(connection, added)
    connection.commit()
    warnings = [warning for folder in odd if (warning := _add_odd(connection, folder))]
    return len(added) + len(odd) - len(warnings), warnings


def forget(connection: Connection, run_ids: list[str], keys: list[str]) -> None:
    """Takes all rows of these runs, and the cursors of these log files, out of the database."""
    connection.begin()
    connection.execute(_AFFECTED, {"ids": run_ids})
    for table in ("runs", "run_sites", "metrics", "evals", "events", "group_definitions"):
        connection.execute(f"delete from {table} where run_id in (select unnest($ids))", {"ids": run_ids})
    connection.execute("delete from ingest_cursor where file in (select unnest($keys))", {"keys": keys})
    connection.execute(_GROUPS)
    connection.commit()


def _define_groups(connection: Connection, added: set[str]) -> None:
    connection.execute(_AFFECTED, {"ids": sorted(added)})
    connection.execute(_GROUPS)


def _batches(folders: Iterable[RunDir]) -> Iterator[list[tuple[RunDir, str]]]:
    """Folders with the text of their records, "" where that cannot be read; about 16 MB at a time."""
    batch: list[tuple[RunDir, str]] = []
    size = 0
    for folder in folders:
        text = _text(folder)
        batch.append((folder, text))
        size += len(text)
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _text(folder: RunDir) -> str:
    try:
        return folder.record.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def _insert(connection: Connection, batch: list[tuple[RunDir, str]]) -> set[str]:
    """Inserts the good records of a batch and returns their runs."""
    runs, texts = [folder.run_id for folder, _ in batch], [text for _, text in batch]
    connection.execute(_STAGE, {"shape": _SHAPE, "version": RECORD_VERSION, "runs": runs, "texts": texts})
    for statement in (_RUNS, _SITES, _DEFINITIONS):
        connection.execute(statement)
    return {run_id for (run_id,) in connection.execute("select run_id from record where good").fetchall()}


def _add_odd(connection: Connection, folder: RunDir) -> str:
    """Adds a record that is of an older form, say; a warning where it cannot be used, else ""."""
    try:
        record = read_record(folder.record)
        if record.run_id != folder.run_id:
            return f"{folder.record}: is of run {record.run_id}, in the folder of run {folder.run_id}"
        text = json.dumps(asdict(record))
    except InvalidError as error:
        return error.title
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        return f"{folder.record}: not a run record ({error!r})"
    connection.begin()
    good = _insert(connection, [(folder, text)])
    _define_groups(connection, good)
    connection.commit()
    return "" if good else f"{folder.record}: not a run record (a value is missing or not of its kind)"
