"""Which base an exported adapter belongs on, in words and as lines of Python that load both."""

import json
from dataclasses import dataclass

from workbench.plan.families import Family
from workbench.plan.sources import hub_id
from workbench.run.exported import BASE, Exported
from workbench.run.record import RunRecord, SiteRecord

_PLAIN_BLOCKSIZE = 64  # the only one that transformers' BitsAndBytesConfig asks bitsandbytes for
_DTYPES = {"fp32": "float32", "bf16": "bfloat16"}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the adapter lies, and the model where it has no hub id, as they are to be written; and what they met.

    `family` is None where the model was not at hand. `dtype` is torch's name of what the run computed in: another one
    gives other logits.
    """

    adapter: str
    model: str
    family: Family | None
    dtype: str


@dataclass(frozen=True, slots=True)
class Loading:
    """`text` says which base; `python` are the lines that load base and adapter."""

    text: str
    python: str


def loading(record: RunRecord, exported: Exported, places: Surroundings) -> Loading:
    """How to load an export.

    In the order of preference: the dense base beside the adapter, a base that transformers makes by itself, and else a
    sentence that the base has to be exported, too.
    """
    if exported.base:
        exact = (
            "holds exactly the values" if exported.base == "fp32" else "holds the values, rounded once more to bf16,"
        )
        text = f"The folder `{BASE}` {exact} that the adapter was trained on, as plain weights in {exported.base}."
        return _loading(text, _dense(exported.base, places), places)
    model, moved = _model(record, places), exported.onto == "original"
    kinds = {(site.base, site.blocksize, site.double_quant, site.threshold) for site in record.sites}
    site = record.sites[0]
    if not exported.fitted and len(kinds) == 1 and site.base in _DTYPES:
        text = f"The base is the checkpoint itself with weights in {site.base}."
        return _loading(text, f"{model}, dtype={_text(_DTYPES[site.base])}", places)
    if not exported.fitted and len(kinds) == 1 and _plain_four_bit(record) and places.family:
        text = (
            f"The base is the checkpoint with the linear layers of its blocks in {site.base}, as transformers does it."
        )
        base = f"{model}, dtype={_text(places.dtype)}, quantization_config={_four_bit(site, places)}"
        return _loading(text, base, places, "AutoModelForCausalLM, BitsAndBytesConfig")
    if moved:
        formats = ", ".join(sorted({site.base for site in record.sites}))
        text = f"This export goes onto the original checkpoint. It was trained on weights in other formats: {formats}."
        return _loading(text, f"{model}, dtype={_text(places.dtype)}", places)
    text = (
        "The base has weights that transformers cannot make by itself: formats that differ by layer or that it does "
        "not have, or weights made to fit the adapter's start. Export once more with `--with-base fp32`: then the base "
        f"is in the folder `{BASE}`."
    )
    return _loading(text, _dense("fp32", places), places)


def _loading(text: str, base: str, places: Surroundings, imports: str = "AutoModelForCausalLM") -> Loading:
    lines = (
        "from peft import PeftModel",
        f"from transformers import {imports}",
        "",
        f"base = AutoModelForCausalLM.from_pretrained({base})",
        f"model = PeftModel.from_pretrained(base, {_text(places.adapter)})",
    )
    return Loading(text, "\n".join(lines))


def _dense(dtype: str, places: Surroundings) -> str:
    return f"{_text(f'{places.adapter}/{BASE}')}, dtype={_text(_DTYPES[dtype])}"


def _model(record: RunRecord, places: Surroundings) -> str:
    """Where the checkpoint is, as Python writes it, with the plan's revision."""
    if not (found := hub_id(record.model, record.model_path)):
        return _text(places.model)
    revision = record.plan_file.get("revision")
    return _text(found) + (f", revision={_text(revision)}" if revision else "")


def _plain_four_bit(record: RunRecord) -> bool:
    """Whether all sites are what bitsandbytes makes by default, and computes with as it should on the CPU, too.

    Where blocks do not end with the rows, its CPU kernel (0.50) dequantizes wrongly.
    """
    return all(
        site.base in ("nf4", "fp4") and site.blocksize == _PLAIN_BLOCKSIZE and site.in_features % _PLAIN_BLOCKSIZE == 0
        for site in record.sites
    )


def _four_bit(site: SiteRecord, places: Surroundings) -> str:
    given = [
        "load_in_4bit=True",
        f"bnb_4bit_quant_type={_text(site.base)}",
        f"bnb_4bit_use_double_quant={bool(site.double_quant)}",
        f"bnb_4bit_compute_dtype={_text(places.dtype)}",
    ]
    family = places.family
    if family and family.outside:  # linear layers beside the blocks, which a plan never quantizes
        kept = [family.heads[0], *(f"{family.base}.{path}" for path in family.outside)]
        given.append(f"llm_int8_skip_modules={json.dumps(kept)}")
    return f"BitsAndBytesConfig({', '.join(given)})"


def _text(value: str) -> str:
    """The text as Python writes it."""
    return json.dumps(value, ensure_ascii=False) if value.isprintable() else repr(value)
