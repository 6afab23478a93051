"""Reads training and evaluation examples from JSONL files, without a tokenizer and without torch.

Two formats: `prompt_completion` with the keys prompt and completion, and `alpaca` with instruction, output
and an optional input. The file's content hash, not its path, is part of a run's identity.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import InvalidError, NotFoundError, Problem
from workbench.nearest import nearest
from workbench.randomness import derive_seed
from workbench.run.recipe import Split

MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Example:
    """One example: the loss is taken on `completion` (and the end-of-text token) only. `line` counts from 1."""

    prompt: str
    completion: str
    line: int


@dataclass(frozen=True, slots=True)
class ExampleFile:
    """All examples of one file with the SHA-256 of its bytes."""

    path: Path
    format: str
    sha256: str
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class DataFormat:
    """A recognised layout of the rows: which keys it needs and how a row becomes a prompt and a completion."""

    name: str
    required: tuple[str, ...]
    read: Callable[[dict[str, Any]], tuple[str, str]]
    optional: tuple[str, ...] = ()


def _alpaca(row: dict[str, Any]) -> tuple[str, str]:
    extra = f"### Input:\n{row['input']}\n\n" if row.get("input") else ""
    return f"### Instruction:\n{row['instruction']}\n\n{extra}### Response:\n", row["output"]


FORMATS = {
    "prompt_completion": DataFormat(
        "prompt_completion", ("prompt", "completion"), lambda row: (row["prompt"], row["completion"])
    ),
    "alpaca": DataFormat("alpaca", ("instruction", "output"), _alpaca, ("input",)),
}


def read_examples(path: Path, format_name: str = "auto") -> ExampleFile:
    """Reads a whole JSONL file. Raises InvalidError that lists every malformed row with its line number."""
    data = _read_bytes(path)
    rows, problems = _parse_rows(path, data)
    if not rows and not problems:
        raise InvalidError(f"{path}: no examples in the file", "one JSON object per line is expected")
    chosen = _recognise(path, rows, format_name) if rows else FORMATS["prompt_completion"]
    examples = []
    for line, row in rows:
        if fault := _fault(row, chosen):
            problems.append(Problem(f"{path}:{line}", fault, f"the format is {chosen.name}"))
        else:
            examples.append(Example(*chosen.read(row), line))
    if problems:
        raise _bad_rows(path, problems)
    return ExampleFile(path, chosen.name, hashlib.sha256(data).hexdigest(), tuple(examples))


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        near = nearest(path.name, [p.name for p in sorted(path.parent.glob("*.jsonl"))]) if path.parent.is_dir() else ""
        raise NotFoundError(f"{path}: no such data file", near) from error
    except OSError as error:
        raise InvalidError(f"{path}: cannot be read ({error.strerror})", "a JSONL file is expected") from error


def _parse_rows(path: Path, data: bytes) -> tuple[list[tuple[int, dict[str, Any]]], list[Problem]]:
    rows, problems = [], []
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not raw.strip():
            continue
        try:
            row = json.loads(raw.decode("utf-8"))
        except UnicodeDecodeError as error:
            problems.append(Problem(f"{path}:{number}", f"not UTF-8 (byte {error.start + 1})", "save it as UTF-8"))
            continue
        except ValueError as error:
            problems.append(Problem(f"{path}:{number}", f"not JSON ({error})", "one JSON object per line"))
            continue
        if isinstance(row, dict):
            rows.append((number, row))
        else:
            problems.append(Problem(f"{path}:{number}", "not a JSON object", "one JSON object per line"))
    return rows, problems


def _recognise(path: Path, rows: list[tuple[int, dict[str, Any]]], name: str) -> DataFormat:
    if name != "auto":
        if name not in FORMATS:
            raise InvalidError(f"unknown data format '{name}'", nearest(name, FORMATS))
        return FORMATS[name]
    line, row = rows[0]
    for candidate in FORMATS.values():
        if all(key in row for key in candidate.required):
            return candidate
    wanted = "; ".join(f"{f.name}: {', '.join(f.required)}" for f in FORMATS.values())
    raise InvalidError(
        f"{path}:{line}: format not recognised from the keys {', '.join(map(str, row)) or '(none)'}", f"known: {wanted}"
    )


def _fault(row: dict[str, Any], chosen: DataFormat) -> str:
    for key in chosen.required:
        if key not in row:
            return f"the key '{key}' is missing"
        if not isinstance(row[key], str):
            return f"'{key}' is {type(row[key]).__name__}, a string is expected"
    for key in chosen.optional:
        if row.get(key) is not None and not isinstance(row[key], str):
            return f"'{key}' is {type(row[key]).__name__}, a string is expected"
    return ""


def _bad_rows(path: Path, problems: list[Problem]) -> InvalidError:
    problems = sorted(problems, key=lambda p: int(p.where.rsplit(":", 1)[1]))
    shown, more = problems[:MOST_PROBLEMS], len(problems) - MOST_PROBLEMS
    rest = f" (the first {MOST_PROBLEMS} are listed)" if more > 0 else ""
    rows = "1 malformed row" if len(problems) == 1 else f"{len(problems)} malformed rows"
    return InvalidError(f"{path}: {rows}{rest}", "mend or remove them", tuple(shown))


def split_examples(examples: tuple[Example, ...], split: Split) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """(training, evaluation) parts, each in file order; the draw depends on `split.seed` and the positions alone."""
    order = sorted(range(len(examples)), key=lambda index: derive_seed(split.seed, "split", index))
    held_out = frozenset(order[: round(len(examples) * split.fraction)])
    training = tuple(e for i, e in enumerate(examples) if i not in held_out)
    return training, tuple(e for i, e in enumerate(examples) if i in held_out)


@dataclass(frozen=True, slots=True)
class DataSet:
    """Training and evaluation examples with the hash that stands for both in a run's identity."""

    training: tuple[Example, ...]
    evaluation: tuple[Example, ...]
    format: str
    hash: str
    sources: dict[str, Any]


def load_data(data: Path, eval_data: Path | None, split: Split | None, format_name: str) -> DataSet:
    """Reads and splits the data of a recipe.

    Raises InvalidError when either part is empty, NotFoundError when a file does not exist.
    """
    main = read_examples(data, format_name)
    sources: dict[str, Any] = {"data": {"path": str(data), "sha256": main.sha256, "examples": len(main.examples)}}
    if eval_data is not None:
        other = read_examples(eval_data, format_name)
        training, evaluation = main.examples, other.examples
        sources["eval_data"] = {"path": str(eval_data), "sha256": other.sha256, "examples": len(other.examples)}
        parts = [main.sha256, other.sha256]
    else:
        training, evaluation = split_examples(main.examples, split or Split())
        parts = [main.sha256]
    if not training or not evaluation:
        raise InvalidError(
            f"{data}: {len(training)} training and {len(evaluation)} evaluation examples after the split",
            "both parts need at least one: change split.fraction, or name eval_data",
        )
    return DataSet(training, evaluation, main.format, hashlib.sha256("".join(parts).encode()).hexdigest(), sources)
