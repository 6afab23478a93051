"""The README.md of an exported adapter: what it is, how it came about, and how to load it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench import __version__
from workbench.plan.catalogue import CATALOGUE
from workbench.plan.compact import block_ranges
from workbench.plan.sources import hub_id
from workbench.report.loading import Loading
from workbench.report.numbers import ABSENT, decimal, size
from workbench.report.plain import visible
from workbench.report.table import Column, Table
from workbench.run.exported import Exported
from workbench.run.record import RunRecord, SiteRecord

Event = Mapping[str, Any]
_MARKUP = re.compile(r"([\\`*{}\[\]<>#~!&$]|(?<![^\W_])_|_(?![^\W_]))")  # tables escape their own sign
_NOT_SHOWN = ("data", "eval_data")  # paths of the machine; the data are told by their contents


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What the card speaks of: the run, the events of the attempt whose adapter it is, and the export."""

    record: RunRecord
    events: Sequence[Event]
    exported: Exported
    loading: Loading


def model_card(facts: CardFacts) -> str:
    """The text of README.md: YAML front matter as the hub reads it, and sections in markdown."""
    sections = (_head, _load, _plan, _training, _results, _hashes)
    return "\n\n".join([_front_matter(facts), *(make(facts) for make in sections)]) + "\n"


def escaped(text: str) -> str:
    """The text in one line in which markdown and HTML find nothing of theirs."""
    return _MARKUP.sub(r"\\\1", visible(text))


def _front_matter(facts: CardFacts) -> str:
    record = facts.record
    methods = sorted({site.method for site in record.sites if site.method != "none"})
    base = hub_id(record.model, record.model_path)
    lines = [
        f"base_model: {_json(base)}" if base else "# base_model: add the hub id of the base",
        "library_name: peft",
        "pipeline_tag: text-generation",
        f"tags: {_json(list(dict.fromkeys(['adapter-workbench', facts.exported.kind, *methods])))}",
    ]
    return "\n".join(("---", *lines, "---"))


def _head(facts: CardFacts) -> str:
    record, exported = facts.record, facts.exported
    low, high = exported.ranks
    ranks = f"rank {high}" if low == high else f"ranks {low} to {high}"
    form = "a DoRA checkpoint" if exported.kind == "dora" else "a LoRA checkpoint"
    uniform = ", one rank and alpha = r for all sites" if exported.uniform else ""
    lines = [
        f"# {escaped(record.name)}",
        "",
        f"An adapter for {_model(record)}, trained with plan {escaped(record.plan)}, recipe "
        f"{escaped(record.recipe_name)} and seed {record.seed}. Here it is {form} of {exported.sites} sites, "
        f"{ranks}{uniform}, {size(exported.bytes)}. {record.trainable_params:,} parameters were trained.",
    ]
    return "\n".join(lines)


def _load(facts: CardFacts) -> str:
    exported, text = facts.exported, facts.loading.text
    if exported.approximate:
        text += (
            f" At {len(exported.approximate)} sites it is not exact: their base was made to fit the adapter's start "
            "and then rounded, and what rounding lost there is lost here."
        )
    return f"## Loading\n\n{text}\n\n```python\n{facts.loading.python}\n```"


def _plan(facts: CardFacts) -> str:
    shown = {key: facts.record.plan_file[key] for key in ("base", "defaults") if key in facts.record.plan_file}
    rules = facts.record.plan_file.get("rules") or []
    lines = [*(f"{key}: {_json(value)}" for key, value in shown.items()), "rules:" if rules else "rules: []"]
    text = "\n".join([*lines, *(f"  - {_json(rule)}" for rule in rules)])
    return f"## Plan\n\n```yaml\n{text}\n```\n\n{_sites(facts.record).markdown()}"


def _sites(record: RunRecord) -> Table:
    """One row per kind of setting."""
    alike: dict[tuple[str, ...], list[SiteRecord]] = {}
    for site in record.sites:
        alike.setdefault(_settings(site), []).append(site)
    headings = ("base", "method", "settings", "where", "sites", "trained")
    rows = tuple(
        (*kind, _where(sites), str(len(sites)), f"{sum(s.trainable_params for s in sites):,}")
        for kind, sites in alike.items()
    )
    return Table((*(Column(name, "left") for name in headings[:4]), *map(Column, headings[4:])), rows)


def _settings(site: SiteRecord) -> tuple[str, ...]:
    stored = {"blocksize": site.blocksize, "double_quant": site.double_quant, "threshold": site.threshold}
    base = " ".join([site.base, *(f"{key} {_json(value)}" for key, value in stored.items() if value is not None)])
    if site.method == "none":
        return base, "none", ABSENT
    given = [(key, getattr(site, key)) for key in CATALOGUE[site.method].parameters]
    told = [f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}" for key, value in given]
    return base, site.method, ", ".join([*told, f"s {site.scaling or 0:.4g}"])


def _where(sites: Sequence[SiteRecord]) -> str:
    """`q_proj, v_proj: 0-5; down_proj: 2`."""
    blocks: dict[str, list[int]] = {}
    for site in sites:
        blocks.setdefault(site.module, []).append(site.block)
    modules: dict[str, list[str]] = {}
    for module, found in blocks.items():
        modules.setdefault(",".join(block_ranges(sorted(found))), []).append(module)
    return "; ".join(f"{', '.join(map(escaped, names))}: blocks {where}" for where, names in modules.items())


def _training(facts: CardFacts) -> str:
    recipe = facts.record.recipe
    hidden = _NOT_SHOWN if recipe.get("optimizer") == "mezo" else (*_NOT_SHOWN, "mezo_epsilon")
    rows = [(key, _value(recipe[key])) for key in recipe if key not in hidden and recipe[key] not in (None, [], {})]
    started = next((event for event in facts.events if event["kind"] == "started"), {})
    told = {"device": started.get("device"), "computed in": started.get("compute_dtype")}
    rows += [("seed", str(facts.record.seed)), *((name, _value(value)) for name, value in told.items() if value)]
    columns = (Column("recipe", "left"), Column("value", "left"))
    return f"## Training\n\n{Table(columns, tuple(rows)).markdown()}\n\n{_data(facts.record).markdown()}"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_value, value))
    return escaped(value if isinstance(value, str) else _json(value))


def _data(record: RunRecord) -> Table:
    rows = tuple(
        (escaped(part), escaped(_source(data)), f"{data.get('examples', 0):,}", str(data.get("sha256", ABSENT)))
        for part, data in record.data.items()
        if isinstance(data, dict)
    )
    return Table((Column("data", "left"), Column("file", "left"), Column("examples"), Column("SHA-256", "left")), rows)


def _source(data: Mapping[str, Any]) -> str:
    """The file's name, without the folders of the machine; a hub data set as it was named."""
    path = str(data.get("path", ""))
    return Path(path).name if path.startswith("/") else path


def _results(facts: CardFacts) -> str:
    evaluations = [event for event in facts.events if event["kind"] == "eval"]
    last = max((event["step"] for event in evaluations), default=None)
    rows = tuple(
        (
            escaped(metric if metric == event["evaluator"] else f"{event['evaluator']}.{metric}"),
            decimal(value),
            "higher" if event.get("higher_is_better") else "lower",
            f"{event['n']:,}" if event.get("n") is not None else ABSENT,
        )
        for event in evaluations
        if event["step"] == last
        for metric, value in event["values"].items()
    )
    if not rows:
        return "## Results\n\nThe run was not evaluated."
    columns = (Column("metric", "left"), Column("value"), Column("better", "left"), Column("over"))
    return f"## Results\n\nThe last evaluation, after step {last}:\n\n{Table(columns, rows).markdown()}"


def _hashes(facts: CardFacts) -> str:
    record = facts.record
    rows = (
        ("run", escaped(record.run_id)),
        ("plan", record.plan_hash),
        ("recipe", record.recipe_hash),
        ("data", record.data_hash),
        ("model", record.model_fingerprint),
        ("weights of this adapter, SHA-256", facts.exported.sha256),
    )
    table = Table((Column("of", "left"), Column("hash", "left")), rows).markdown()
    return f"## Where it comes from\n\n{table}\n\nWritten by adapter-workbench {__version__}."


def _model(record: RunRecord) -> str:
    found = hub_id(record.model, record.model_path)
    return f"[{escaped(found)}](https://huggingface.co/{found})" if found else escaped(Path(record.model).name)


def _json(value: Any) -> str:
    """JSON, which is YAML too; what could turn or hide text around it is escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(value)
