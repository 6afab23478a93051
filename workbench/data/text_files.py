"""Readers of the data files that are text: JSONL, JSON and CSV. Each names the line of whatever it cannot read."""

import csv
import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from workbench.data.rows import Fault, Row
from workbench.errors import InvalidError

_BOM = b"\xef\xbb\xbf"
_SPACE = re.compile(r"[ \t\n\r]*")
_UNDECODED = re.compile("[\udc80-\udcff]")
_SAVE = "save it as UTF-8"

Read = tuple[list[Row], list[Fault]]


def read_jsonl(path: Path, data: bytes) -> Read:
    """One JSON object per line; empty lines are passed over."""
    rows: list[Row] = []
    faults: list[Fault] = []
    for line, raw in enumerate(data.removeprefix(_BOM).split(b"\n"), start=1):
        if not raw.strip():
            continue
        try:
            value = json.loads(raw.decode("utf-8"))
        except UnicodeDecodeError as error:
            faults.append(Fault(line, f"not UTF-8 (byte {error.start + 1})", _SAVE))
        except ValueError as error:
            faults.append(Fault(line, f"not JSON ({error})", "one JSON object per line"))
        else:
            _keep(rows, faults, line, value, "one JSON object per line")
    return rows, faults


def read_json(path: Path, data: bytes) -> Read:
    """One list of objects. Raises InvalidError, with line and column, when the file is not JSON or not a list."""
    text = _decode(path, data)
    rows: list[Row] = []
    faults: list[Fault] = []
    for line, value in _items(path, text):
        _keep(rows, faults, line, value, "the list holds one JSON object per example")
    return rows, faults


def read_csv(path: Path, data: bytes) -> Read:
    """A header row, then one row per example. Raises InvalidError when the header cannot serve."""
    csv.field_size_limit(sys.maxsize)  # the default refuses texts over 128 KiB
    text = data.removeprefix(_BOM).decode("utf-8", errors="surrogateescape")
    faults: list[Fault] = []
    records = _records(text, faults)
    header = _header(path, records)
    rows = []
    for line, fields in records:
        if fault := _csv_fault(header, fields):
            faults.append(Fault(line, *fault))
        else:
            rows.append(Row(line, dict(zip(header, fields, strict=True))))
    return rows, faults


READERS: dict[str, Callable[[Path, bytes], Read]] = {".jsonl": read_jsonl, ".json": read_json, ".csv": read_csv}


def _keep(rows: list[Row], faults: list[Fault], line: int, value: Any, hint: str) -> None:
    if isinstance(value, dict):
        rows.append(Row(line, value))
    else:
        faults.append(Fault(line, "not a JSON object", hint))


def _decode(path: Path, data: bytes) -> str:
    try:
        return data.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.removeprefix(_BOM).count(b"\n", 0, error.start) + 1
        raise InvalidError(f"{path}:{line}: not UTF-8", _SAVE) from error


def _items(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    """The items of a JSON list with the lines that they start on: the standard reader does not tell them."""
    at, line, decoder = _skip(text, 0), 1, json.JSONDecoder()
    if text[at : at + 1] != "[":
        hint = "a .json file holds one list of objects; for one object per line, name it .jsonl"
        raise InvalidError(f"{path}: not a JSON list", hint)
    counted, at = 0, _skip(text, at + 1)
    while text[at : at + 1] != "]":
        try:
            value, end = decoder.raw_decode(text, at)
        except ValueError as error:
            raise _not_json(path, text, getattr(error, "pos", at), str(error).partition(":")[0]) from error
        line += text.count("\n", counted, at)
        counted = at
        yield line, value
        at = _skip(text, end)
        if text[at : at + 1] not in (",", "]"):
            raise _not_json(path, text, at, "',' or ']' is expected here")
        at = _skip(text, at + 1) if text[at] == "," else at
    if (rest := _skip(text, at + 1)) != len(text):
        raise _not_json(path, text, rest, "something follows the list")


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _not_json(path: Path, text: str, at: int, message: str) -> InvalidError:
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    return InvalidError(f"{path}:{line}:{column}: not JSON ({message})", "a list of objects is expected: [{...}, ...]")


def _records(text: str, faults: list[Fault]) -> Iterator[tuple[int, list[str]]]:
    """The records with the lines they start on (a quoted field may hold line breaks); broken ones go to `faults`."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            faults.append(Fault(line, f"not CSV ({error})", 'quote fields with ", and write a quote in them as ""'))
            continue
        if fields:
            yield line, fields


def _header(path: Path, records: Iterator[tuple[int, list[str]]]) -> list[str]:
    line, header = next(records, (1, []))
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise InvalidError(f"{path}:{line}: the header has '{twice}' twice", "the first row names each column once")
    return header


def _csv_fault(header: list[str], fields: list[str]) -> tuple[str, str] | None:
    if len(fields) != len(header):
        count = "1 field" if len(fields) == 1 else f"{len(fields)} fields"
        return f"{count}, and the header has {len(header)}", "quote fields that hold commas or line breaks"
    if any(map(_UNDECODED.search, fields)):
        return "not UTF-8", _SAVE
    return None
