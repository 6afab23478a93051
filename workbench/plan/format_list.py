"""Base formats as they are listed on the command line: `nf4,int4:32`."""

from dataclasses import dataclass

from workbench.errors import InvalidError, UsageError
from workbench.plan.formats import BLOCKSIZES, base_format
from workbench.plan.settings import BaseSettings


@dataclass(frozen=True, slots=True)
class NamedFormat:
    """A base format as it was asked for, and the settings that this stands for."""

    name: str
    settings: BaseSettings


def parse_formats(text: str) -> tuple[NamedFormat, ...]:
    """Formats with a comma between them, each FORMAT or FORMAT:BLOCKSIZE; what is left out is the format's default.

    Raises InvalidError for a format or a block size that there is not, UsageError where none is named.
    """
    words = dict.fromkeys(word.strip() for word in text.split(",") if word.strip())
    if not words:
        raise UsageError("no base format named", "such as nf4,int4 or nf4:128")
    return tuple(NamedFormat(word, _settings(word)) for word in words)


def _settings(word: str) -> BaseSettings:
    name, colon, size = word.partition(":")
    chosen = base_format(name)
    if not colon:
        return chosen.settings()
    if "blocksize" not in chosen.parameters:
        raise InvalidError(f"base format '{word}': {name} has no block size", f"write {name}")
    if size not in map(str, BLOCKSIZES):
        raise InvalidError(f"base format '{word}': no block size '{size}'", f"one of {', '.join(map(str, BLOCKSIZES))}")
    return chosen.settings(blocksize=int(size))
