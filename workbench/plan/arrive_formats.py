"""The formats of files that a person can arrive with, told apart by their keys."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from workbench.errors import InvalidError, UsageError
from workbench.nearest import nearest
from workbench.plan import arrive_axolotl, arrive_llama_factory, arrive_peft
from workbench.plan.arrive_file import WHAT_IS_READ, ArrivedFile
from workbench.plan.arrive_recipe import Draft, draft_axolotl, draft_llama_factory
from workbench.plan.arrive_spec import Arriving


@dataclass(frozen=True, slots=True)
class FileFormat:
    """How one is recognised and read; `draft` reads its training keys, where it has such."""

    signs: tuple[str, ...]
    read: Callable[[ArrivedFile], Arriving]
    draft: Callable[[ArrivedFile], Draft] | None = None


FILE_FORMATS: Mapping[str, FileFormat] = {
    "peft": FileFormat(arrive_peft.SIGNS, arrive_peft.read_peft),
    "axolotl": FileFormat(arrive_axolotl.SIGNS, arrive_axolotl.read_axolotl, draft_axolotl),
    "llama-factory": FileFormat(
        arrive_llama_factory.SIGNS, arrive_llama_factory.read_llama_factory, draft_llama_factory
    ),
}


def recognise(file: ArrivedFile, wanted: str | None) -> str:
    """The format of a file: the one whose keys it has most of. Raises InvalidError where that is none, or several."""
    if wanted is not None:
        if wanted not in FILE_FORMATS:
            raise UsageError(f"--from-format {wanted}: no such format", nearest(wanted, FILE_FORMATS))
        return wanted
    found = {name: sum(key in file.data for key in known.signs) for name, known in FILE_FORMATS.items()}
    best = max(found.values())
    names = [name for name, count in found.items() if count == best]
    if best >= 2 and len(names) == 1:
        return names[0]
    if {"model", "rules"} <= set(file.data):
        raise InvalidError(f"{file.document.file}: this is a plan already", "copy it, or use it as it is")
    looked_for = "; ".join(f"{name}: {', '.join(known.signs[:4])}" for name, known in FILE_FORMATS.items())
    keys = ", ".join(map(str, list(file.data)[:6])) or "none"
    raise InvalidError(
        f"{file.document.file}: neither a peft, an axolotl nor a LLaMA-Factory configuration; its keys: {keys}",
        f"{WHAT_IS_READ} (keys looked for: {looked_for}), or say which with --from-format",
    )


def draft_recipe(file: ArrivedFile, file_format: str, wanted: bool) -> Draft | None:
    """The recipe of a file that has training keys; problems in them matter only where it is wanted."""
    make = FILE_FORMATS[file_format].draft
    if make is None:
        if wanted:
            message = f"{file.document.file}: a peft configuration says nothing about training"
            raise UsageError(message, "leave --recipe-to out, or give the YAML of the training")
        return None
    draft = make(file)
    if wanted:
        file.raise_findings()
    file.findings.clear()
    return draft
