"""Writes the reference pages from the code: `python -P -m workbench.report.reference docs/reference`."""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from workbench import atomic
from workbench.report.table import Column, Table

NOTE = "<!-- Written by `python -P -m workbench.report.reference docs/reference`. Edit the code, not this page. -->"


def pages() -> dict[str, str]:
    """Every page by file name."""
    makers: dict[str, Callable[[], Iterator[str]]] = {
        "plan.md": _plan,
        "recipe.md": _recipe,
        "study.md": _study,
        "grammar.md": _grammar,
        "tables.md": _tables,
        "events.md": _events,
        "commands.md": _commands,
    }
    return {name: "\n".join([NOTE, "", *make()]).rstrip() + "\n" for name, make in makers.items()}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -P -m workbench.report.reference FOLDER", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        atomic.write_text(folder / name, text)
    return 0


def _table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    return Table(tuple(Column(heading, "left") for heading in headings), tuple(rows)).markdown()


def _fields(model: Any) -> str:
    """Keys, types and defaults of a file, from its pydantic model."""
    schema = model.model_json_schema()
    rows = []
    for own_name, field in model.model_fields.items():
        name = field.alias or own_name
        default = "required" if field.is_required() else f"`{_plain(field.get_default(call_default_factory=True))}`"
        rows.append((f"`{name}`", _type(schema["properties"][name]), default, field.description or ""))
    return _table(("key", "value", "default", "meaning"), rows)


def _plain(value: Any) -> str:
    if hasattr(value, "model_dump"):
        return "{" + ", ".join(f"{key}: {_plain(item)}" for key, item in value.model_dump().items()) + "}"
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else str(value).replace("\n", "\\n")


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"] if part.get("type") != "null")
    if "items" in schema:
        return f"a list of {_type(schema['items'])}"
    if "$ref" in schema:
        return "keys of its own, below"
    words = {"integer": "a whole number", "number": "a number", "string": "text", "boolean": "true or false"}
    kind = words.get(schema.get("type", ""), "keys and values")
    return kind + "".join(_bounds(schema))


def _bounds(schema: dict[str, Any]) -> Iterator[str]:
    for key, word in (("minimum", "from"), ("exclusiveMinimum", "above"), ("exclusiveMaximum", "below")):
        if key in schema:
            yield f" {word} {schema[key]:g}"


def _plan() -> Iterator[str]:
    from workbench.plan.catalogue import CATALOGUE
    from workbench.plan.formats import FORMATS
    from workbench.plan.schema import Defaults, PlanFile

    yield "# Plan files\n"
    yield "A plan is YAML: a model, and what is set at each of its sites."
    yield "Schema: [plan.schema.json](../schemas/plan.schema.json).\n"
    yield _fields(PlanFile)
    yield "\n## defaults\n"
    yield _fields(Defaults)
    yield "\n## Methods\n"
    for method in CATALOGUE.values():
        yield f"### {method.name}\n\n{method.meaning[0].upper()}{method.meaning[1:]}.\n"
        if method.formula:
            yield f"`{method.formula}`\n"
        if method.parameters:
            yield _table(("key", "meaning"), [(f"`{k}`", v) for k, v in method.parameters.items()]) + "\n"
        if method.source:
            yield f"Source: {method.source}.\n"
        if method.inferred:
            yield f"Inferred: {method.inferred}.\n"
    yield "## Base formats\n"
    rows = [
        (f"`{f.name}`", f.meaning, ", ".join(f"`{k}={_plain(v)}`" for k, v in f.parameters.items()))
        for f in FORMATS.values()
    ]
    yield _table(("format", "meaning", "keys and defaults"), rows)


def _recipe() -> Iterator[str]:
    from workbench.run.recipe_file import RecipeFile, SplitFile

    yield "# Recipe files\n"
    yield "A recipe is YAML: everything of a run but plan and seed."
    yield "Schema: [recipe.schema.json](../schemas/recipe.schema.json).\n"
    yield _fields(RecipeFile)
    yield "\n## split\n"
    yield _fields(SplitFile)


def _study() -> Iterator[str]:
    from workbench.study.claim_file import ClaimFile
    from workbench.study.design import RECIPE_FACTORS
    from workbench.study.study_file import ArmFile, StudyFile

    yield "# Study files\n"
    yield "A study is YAML: a baseline, factors with levels, and seeds, that expand into arms and runs."
    yield "Schema: [study.schema.json](../schemas/study.schema.json).\n"
    yield _fields(StudyFile)
    yield "\n## arms\n"
    yield _fields(ArmFile)
    yield "\n## claims\n"
    yield _fields(ClaimFile)
    yield "\n## Keys of the recipe that can be factors\n"
    yield (
        ", ".join(f"`{key}`" for key in RECIPE_FACTORS)
        + '. A level such as `"*2"` or `"/2"` is relative to the recipe.'
    )


GRAMMAR = """# The selector grammar

A rule reads `<blocks> <modules> <assignments>`, such as `0-7,24- attn r=8`. Rules stand in plan files and behind
`--rule`.

| blocks | select |
| --- | --- |
| `*` | every block |
| `3`, `0-7`, `24-` | one block, a range, from a block to the last; blocks count from 0 |
| `-4` | the last four |
| `%2` | every block whose number is divisible by two |
| `lower` `middle` `upper` | a third of the model by depth |
| `first/3`, `last/4` | the first third, the last quarter |
| `@group` | the sites of a layer group; alone, it needs no modules |

Several are joined by commas. Modules are `all`, `attn`, `mlp`, short names such as `q` or `down`, or full names such as
`down_proj`, joined by commas. Embeddings, norms and the head are not sites.

Assignments are `key=value`, `key*=n`, `key/=n`, or `off`. Later rules win, key by key. A rule adapts its sites if it
has no assignment or sets an adapter key; a rule with base keys only never does. `off` takes the adapter away and leaves
the base as it is. `*=` and `/=` pass over sites that are not adapted. A rule that selects no site is an error.
"""


def _grammar() -> Iterator[str]:
    from workbench.plan.keys import KEYS

    yield GRAMMAR
    yield "## Keys\n"
    rows = [
        (f"`{key.name}`", key.expected, "adapter" if key.adapter else "base", "yes" if key.scalable else "")
        for key in KEYS.values()
    ]
    yield _table(("key", "value", "of the", "takes `*=` and `/=`"), rows)


def _tables() -> Iterator[str]:
    import duckdb

    from store import schema

    yield "# Tables and views\n"
    yield "What `workbench sql` can ask. Tables are a cache of the logs; views answer the usual questions.\n"
    with duckdb.connect() as connection:
        schema.create(connection)
        columns = connection.execute(
            "select table_name, column_name, data_type from information_schema.columns "
            "where table_schema = 'main' order by table_name, ordinal_position"
        ).fetchall()
        views = {
            name for (name,) in connection.execute("select view_name from duckdb_views() where not internal").fetchall()
        }
    for name in sorted({row[0] for row in columns}, key=lambda name: (name in views, name)):
        yield f"## {name}{' (view)' if name in views else ''}\n"
        yield _table(("column", "type"), [(f"`{c}`", t.lower()) for table, c, t in columns if table == name]) + "\n"


def _events() -> Iterator[str]:
    from workbench.run.event_fields import EVENT_FIELDS

    yield "# Events\n"
    yield (
        "`events.jsonl` holds one JSON object per line, written by the trainer; `shim.jsonl` those of the supervisor. "
        "Every line has `v` (schema version), `run_id`, `attempt`, `seq` (from 1 within an attempt and file), `t` (Unix"
        " seconds), `mono` (seconds of a monotonic clock) and `kind`. Numbers that JSON cannot hold are null.\n"
    )
    for kind, fields in EVENT_FIELDS.items():
        yield f"## {kind}\n"
        yield _table(("field", "meaning"), [(f"`{name}`", meaning) for name, meaning in fields.items()]) + "\n"


def _commands() -> Iterator[str]:
    from typer.main import get_command

    from workbench.cli.app import app

    yield "# Commands\n"
    root: Any = get_command(app)
    yield f"{root.help}\n"
    yield _options(root)
    for name, command in root.commands.items():
        children = getattr(command, "commands", {})
        for child_name, child in children.items():
            yield from _command(f"workbench {name} {child_name}", child)
        if not children:
            yield from _command(f"workbench {name}", command)


def _command(name: str, command: Any) -> Iterator[str]:
    arguments = [_metavar(p) for p in command.params if p.param_type_name == "argument"]
    yield f"\n## {name}\n\n`{' '.join([name, *arguments])}`\n"
    yield f"{command.help}\n"
    yield _options(command)


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _options(command: Any) -> str:
    rows = []
    for parameter in command.params:
        if parameter.name in ("help", "install_completion", "show_completion"):
            continue
        words = (*parameter.opts, *parameter.secondary_opts) if parameter.param_type_name == "option" else ()
        names = ", ".join(f"`{word}`" for word in words or (_metavar(parameter),))
        rows.append((names, parameter.help or ""))
    return _table(("option", "meaning"), rows) if rows else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
