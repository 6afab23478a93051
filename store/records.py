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
_NEW_GROUPS = """
insert into new_group
select r.created, run_id, r.model_fingerprint, entry.key, entry.value
from (select run_id, r, unnest(map_entries(r.groups)) as entry from record where good)
"""
# Where runs define a group differently, the newest definition holds.
_GROUPS = """
delete from groups where (group_name, model_fingerprint) in (select (group_name, model_fingerprint) from new_group);
insert into groups
select group_name, model_fingerprint, unnest(arg_max(sites, (created, run_id)))
from new_group group by group_name, model_fingerprint;
"""


_NEW_GROUP = """
create or replace temp table new_group(
  created double, run_id varchar, model_fingerprint varchar, group_name varchar, sites varchar[])
"""


def add_records(connection: Connection, folders: list[RunDir]) -> tuple[int, list[str]]:
    """Inserts runs that are new to the database; returns how many, and a warning for each that cannot be used.

    The records of the form that this version writes go in by SQL and together, the others one by one.
    """
    if not folders:
        return 0, []
    odd: list[RunDir] = []
    connection.begin()
    connection.execute(_NEW_GROUP)
    added = 0
    for batch in _batches(folders):
        good = _insert(connection, batch)
        added += len(good)
        odd += [folder for folder, _ in batch if folder.run_id not in good]
    connection.execute(_GROUPS)
    connection.commit()
    warnings = [warning for folder in odd if (warning := _add_odd(connection, folder))]
    return added + len(odd) - len(warnings), warnings


def forget(connection: Connection, run_ids: list[str], keys: list[str]) -> None:
    """Takes all rows of these runs, and the cursors of these log files, out of the database."""
    connection.begin()
    for table in ("runs", "run_sites", "metrics", "evals", "events"):
        connection.execute(f"delete from {table} where run_id in (select unnest($ids))", {"ids": run_ids})
    connection.execute("delete from ingest_cursor where file in (select unnest($keys))", {"keys": keys})
    connection.commit()


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
    for statement in (_RUNS, _SITES, _NEW_GROUPS):
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
    connection.execute(_NEW_GROUP)
    good = _insert(connection, [(folder, text)])
    connection.execute(_GROUPS)
    connection.commit()
    return "" if good else f"{folder.record}: not a run record (a value is missing or not of its kind)"
