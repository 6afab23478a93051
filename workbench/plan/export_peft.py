"""A plan as a peft adapter_config.json (peft 0.21, `LoraConfig`), to start a training from."""

import json
from typing import Any

from workbench.plan.export import LOFTQ_CONFIG, LoraTerms, PlanExport, Unsaid, lora_terms, plain_number, told_base
from workbench.plan.plan import Plan

INITS: dict[str, bool] = {"default": True}  # peft's words where they differ from the plan's


def export_peft(plan: Plan) -> PlanExport:
    """The configuration with exact names: a rank always beside its alpha, and no pattern that fits two sites.

    Raises InvalidError where nothing is adapted, or nothing that has a rank.
    """
    unsaid = Unsaid(plan)
    values = _values(lora_terms(plan, unsaid))
    for base in dict.fromkeys(planned.base for planned in plan.sites):
        reason = "the file does not say how the base is stored: whoever loads it does"
        unsaid.add(f"base {told_base(base)}", [site for site in plan.sites if site.base == base], reason)
    return PlanExport(json.dumps(values, indent=2, sort_keys=True) + "\n", values, tuple(unsaid.found))


def _values(terms: LoraTerms) -> dict[str, Any]:
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": terms.model,
        "revision": terms.revision,
        "r": terms.r,
        "lora_alpha": plain_number(terms.alpha),
        "lora_dropout": terms.dropout,
        "target_modules": sorted(terms.numbers),
        "rank_pattern": {name: r for name, (r, _) in terms.odd.items()},
        "alpha_pattern": {name: plain_number(alpha) for name, (_, alpha) in terms.odd.items()},
        "use_rslora": terms.rslora,
        "use_dora": terms.dora,
        "init_lora_weights": INITS.get(terms.init, terms.init),
        **({"loftq_config": dict(LOFTQ_CONFIG)} if terms.init == "loftq" else {}),
        "bias": "none",
        "inference_mode": False,
    }
