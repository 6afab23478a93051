"""What leaves the store in files comes back as the same rows."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.csv
import pyarrow.parquet
import pytest

from store.connection import DiskFullError, writing
from store.export import VIEWS, ExportedFile, export
from store.exported import MARKER, Form
from store.ingest import ingest
from tests.faults.disks import MOUNTS, fill, small_disk
from tests.store.helpers import Metric, finished_run, raw_event, record, rows
from workbench.errors import NotFoundError, UsageError
from workbench.run.layout import Home

ODD = ("", None, "NULL", "\\N", 'a "quote", a comma\nand a line', "ünïcode 🎉", "007", "nan")


@pytest.fixture
def filled(home: Home) -> Home:
    """Runs of which one is all digits, with values that are easily lost on the way."""
    for number in range(3):
        written = record(f"{number:012x}", seed=number, groups={"late": ["model.layers.2.mlp.up_proj"]})
        finished_run(home, written, [Metric("loss", number / 3 if number else None, False)])
    raw_event(home.run_dir(f"{1:012x}"), 2, "novelty", text=ODD[4], empty="", nothing=None)
    ingest(home)
    with writing(home) as opened:
        for name in ODD:
            opened.execute("insert into studies values (gen_random_uuid(), ?, 'loss', now()::timestamp)", [name])
        opened.execute("insert into metrics values ('000000000000', 1, 9, 'nan', 'odd', '-inf')")
        opened.execute("insert into study_runs values ('s', 'arm', 'r', '8', 0, '000000000000')")
    return home


def _stored(home: Home, name: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The types of a table or view, and its rows as text, which tells NaN, NULL and every digit apart."""
    types = [str(kind) for _, kind in rows(home, f'select column_name, column_type from (describe "{name}")')]
    return types, sorted(map(_texts, rows(home, f'from "{name}"')))


def _texts(row: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(map(repr, row))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_every_table_and_view_comes_back_row_by_row(filled: Home, tmp_path: Path, form: Form) -> None:
    folder = tmp_path / "it's ünder" / "here"
    files = export(filled, folder, form)
    tables = [name for (name,) in rows(filled, "select table_name from duckdb_tables()")]
    assert {file.table for file in files} == {*tables, *VIEWS}
    for file in files:
        types, stored = _stored(filled, file.table)
        assert sorted(_read_by_duckdb(folder, file, form, types)) == stored, file.table
        assert (file.rows, file.bytes) == (len(stored), (folder / f"{file.table}.{form}").stat().st_size)
    assert {path.name for path in folder.iterdir()} == {MARKER, *(f"{file.table}.{form}" for file in files)}
    assert [path.name for path in folder.parent.iterdir()] == ["here"]


def _read_by_duckdb(folder: Path, file: ExportedFile, form: Form, types: list[str]) -> Iterator[tuple[str, ...]]:
    path = str(folder / f"{file.table}.{form}")
    with duckdb.connect() as connection:
        if form == "parquet":
            found = connection.execute("from read_parquet(?)", [path])
        else:
            found = connection.execute("from read_csv(?, allow_quoted_nulls = false, types = ?)", [path, types])
        yield from map(_texts, found.fetchall())


@pytest.mark.parametrize("name", ["runs", "metrics", "studies", "events", "run_summary", "group_summary"])
def test_pyarrow_reads_the_same_rows(filled: Home, tmp_path: Path, name: str) -> None:
    export(filled, tmp_path / "parquet", "parquet", [name])
    columns = pyarrow.parquet.read_table(tmp_path / "parquet" / f"{name}.parquet").to_pydict()
    found = sorted(map(_texts, zip(*columns.values(), strict=True)))
    assert found == _stored(filled, name)[1]


def test_pyarrow_tells_nothing_from_an_empty_text_in_csv(filled: Home, tmp_path: Path) -> None:
    export(filled, tmp_path / "csv", "csv", ["studies"])
    read = pyarrow.csv.read_csv(
        tmp_path / "csv" / "studies.csv",
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )
    assert sorted(map(repr, read.column("baseline").to_pylist())) == sorted(map(repr, ODD))
    assert read.column("created").to_pylist() == [at for (at,) in rows(filled, "select created from studies")]


def test_no_column_has_a_type_that_files_do_not_keep(filled: Home) -> None:
    found = rows(filled, "select table_name, column_name from duckdb_columns() where data_type like '%HUGEINT%'")
    assert found == []


def test_a_folder_that_is_no_export_is_never_replaced(filled: Home, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    for force in (False, True):
        with pytest.raises(UsageError, match="is not empty"):
            export(filled, folder, "csv", force=force)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(folder)
    for place in ("file", "link"):
        with pytest.raises(UsageError, match="not a folder"):
            export(filled, tmp_path / place, "csv", force=True)
    assert (folder / "thesis.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir() if path != filled.path) == ["file", "kept", "link"]


def test_an_export_is_replaced_by_force_unless_something_was_added(filled: Home, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    export(filled, folder, "csv", ["runs"])
    with pytest.raises(UsageError, match="is not empty") as raised:
        export(filled, folder, "parquet")
    assert "--force" in raised.value.hint
    export(filled, folder, "parquet", ["evals"], force=True)
    assert sorted(path.name for path in folder.iterdir()) == ["evals.parquet", MARKER]
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"more than the export: notes\.txt"):
        export(filled, folder, "csv", force=True)
    (folder / "notes.txt").unlink()
    (folder / MARKER).write_text("{")
    with pytest.raises(UsageError, match=r"more than the export: evals\.parquet"):
        export(filled, folder, "csv", force=True)


def test_an_unknown_table_leaves_nothing(filled: Home, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="run_sumary") as raised:
        export(filled, tmp_path / "out", "csv", ["runs", "run_sumary"])
    assert "run_summary" in raised.value.hint
    assert [path for path in tmp_path.iterdir() if path != filled.path] == []


def test_without_results_nothing_is_written(home: Home, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no results yet"):
        export(home, tmp_path / "out", "csv")
    assert [path for path in tmp_path.iterdir() if path != home.path] == []


if MOUNTS:

    @pytest.mark.parametrize("form", ["parquet", "csv"])
    def test_a_full_disk_keeps_the_export_that_was_there(filled: Home, tmp_path: Path, form: Form) -> None:
        with writing(filled) as opened:
            opened.execute("insert into metrics select '0', 1, i, random(), 'x', random() from range(100000) t(i)")
        with small_disk(tmp_path / "disk", 1 << 20) as disk:
            export(filled, disk / "out", form, ["runs"])
            before = os.listdir(disk / "out")
            fill(disk, leave=200_000)
            with pytest.raises(DiskFullError, match="no space left in") as raised:
                export(filled, disk / "out", form, force=True)
            assert "free some space" in raised.value.hint
            assert os.listdir(disk / "out") == before
            assert [name for name in os.listdir(disk) if name.startswith(".")] == []
