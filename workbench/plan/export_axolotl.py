"""A plan as the adapter keys of an axolotl YAML; how to train is the recipe's, and not in it.

Source: axolotl's `utils/schemas/peft.py`, `loaders/adapter.py` and `loaders/model.py`; `lora_rank_pattern` and
`lora_alpha_pattern` are in it since pull request 3673 (2026).
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from workbench.plan.arrive_axolotl import INT8_THRESHOLD
from workbench.plan.arrive_hits import other_modules
from workbench.plan.arrive_match import targeted
from workbench.plan.arrive_spec import AdapterSpec
from workbench.plan.export import LOFTQ_CONFIG, LoraTerms, PlanExport, Unsaid, lora_terms, plain_number, told_base
from workbench.plan.export_peft import INITS
from workbench.plan.formats import FORMATS
from workbench.plan.plan import Plan
from workbench.plan.settings import BaseSettings

_BLOCKSIZE = 64  # transformers asks bitsandbytes for no other


def export_axolotl(plan: Plan) -> PlanExport:
    """The keys that axolotl reads, with short names of modules where these mean the same sites.

    Raises InvalidError where nothing is adapted, or nothing that has a rank.
    """
    unsaid = Unsaid(plan)
    terms = _whole_alphas(plan, lora_terms(plan, unsaid), unsaid)
    values = {**_model(terms), **_base(plan, unsaid), **_adapter(plan, terms)}
    comments = [f"# not in this file: {item}" for item in unsaid.found]
    text = "\n".join(["# adapter keys for axolotl; add data and training", *comments, *_lines(values)]) + "\n"
    return PlanExport(text, values, tuple(unsaid.found))


def _whole_alphas(plan: Plan, terms: LoraTerms, unsaid: Unsaid) -> LoraTerms:
    """axolotl refuses other alphas."""
    whole = {name: (r, float(max(1, round(alpha)))) for name, (r, alpha) in terms.numbers.items()}
    odd = [planned for planned in plan.adapted if whole.get(name := planned.site.name) != terms.numbers.get(name)]
    unsaid.add("alpha with a fraction", odd, "alpha is a whole number in axolotl: it is rounded, and so the scaling")
    return replace(terms, numbers=whole, alpha=float(max(1, round(terms.alpha))))


def _model(terms: LoraTerms) -> dict[str, Any]:
    return {"base_model": terms.model} | ({"revision_of_model": terms.revision} if terms.revision else {})


def _base(plan: Plan, unsaid: Unsaid) -> dict[str, Any]:
    """The keys of the most common base format; axolotl has one for the whole model."""
    (common, _), *_ = Counter(planned.base for planned in plan.sites).most_common()
    stored, keys = _stored(common)
    for base in dict.fromkeys(planned.base for planned in plan.sites):
        if base != stored:
            reason = f"axolotl stores all layers alike: {told_base(stored)} is written"
            unsaid.add(f"base {told_base(base)}", [site for site in plan.sites if site.base == base], reason)
    return keys


def _stored(base: BaseSettings) -> tuple[BaseSettings, dict[str, Any]]:
    """What axolotl comes nearest with, and the keys for it."""
    if base.format == "int8":
        return FORMATS["int8"].settings(threshold=INT8_THRESHOLD), {"adapter": "lora", "load_in_8bit": True}
    if base.format in ("bf16", "fp32"):
        return base, {"adapter": "lora", "bf16": base.format == "bf16"}
    kind = base.format if base.format in ("nf4", "fp4") else "nf4"
    double = base.double_quant is not False
    own: dict[str, Any] = {} if kind == "nf4" else {"bnb_4bit_quant_type": kind}
    own |= {} if double else {"bnb_4bit_use_double_quant": False}
    keys = {"adapter": "qlora", "load_in_4bit": True} | ({"bnb_config_kwargs": own} if own else {})
    return FORMATS[kind].settings(blocksize=_BLOCKSIZE, double_quant=double), keys


def _adapter(plan: Plan, terms: LoraTerms) -> dict[str, Any]:
    values: dict[str, Any] = {
        "lora_r": terms.r,
        "lora_alpha": plain_number(terms.alpha),
        "lora_dropout": terms.dropout,
        "lora_target_modules": _targets(plan, terms),
        "lora_rank_pattern": {name: r for name, (r, _) in terms.odd.items()},
        "lora_alpha_pattern": {name: plain_number(alpha) for name, (_, alpha) in terms.odd.items()},
        "peft_use_rslora": terms.rslora,
        "peft_use_dora": terms.dora,
    }
    values = {key: value for key, value in values.items() if value is not False and value != {}}
    if terms.init == "loftq":
        return {**values, "peft": {"loftq_config": {"loftq_bits": LOFTQ_CONFIG["loftq_bits"]}}}
    return values if terms.init in INITS else {**values, "peft_init_lora_weights": terms.init}


def _targets(plan: Plan, terms: LoraTerms) -> list[str]:
    """Module names where they mean these sites and no others, else full names."""
    names = tuple(dict.fromkeys(site.module for site in plan.map.sites if site.name in terms.numbers))
    sites, others = [site.name for site in plan.map.sites], list(other_modules(plan.map))
    meant = set(targeted(AdapterSpec(targets=names), sites, others))
    return list(names) if meant == terms.numbers.keys() else sorted(terms.numbers)


def _lines(values: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """YAML, one value to a line; texts as JSON, which is YAML too."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield f"{indent}{key}:"
            yield from _lines(value, f"{indent}  ")
        elif isinstance(value, list):
            yield f"{indent}{key}:"
            yield from (f"{indent}  - {json.dumps(item, ensure_ascii=False)}" for item in value)
        else:
            yield f"{indent}{key}: {json.dumps(value, ensure_ascii=False)}"
