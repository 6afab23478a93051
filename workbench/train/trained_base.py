"""The base that an adapter was trained on, written out dense: what a quantized weight stands for, as plain weights."""

from pathlib import Path

import torch

from workbench.plan.merge_target import Target
from workbench.plan.structure import Structure
from workbench.run.record import SiteRecord
from workbench.train.merged_folder import Source, write_merged
from workbench.train.saved_update import SavedUpdates, SiteUpdate


class _Unlearned:
    """The updates of a saved adapter with nothing learned: what is left is the base that it was made with."""

    def __init__(self, adapter: Path) -> None:
        self._saved = SavedUpdates(adapter)

    def site(self, record: SiteRecord) -> SiteUpdate:
        a, b = torch.zeros(1, record.in_features), torch.zeros(record.out_features, 1)
        return SiteUpdate(Structure(1), record.scaling or 0.0, a, b, None, self._saved.start(record))


def write_trained_base(source: Source, dtype: str, folder: Path) -> None:
    """A transformers checkpoint, tokenizer included, one block in memory at a time; `dtype` is one of BASE_DTYPES.

    Every site has the values of its base format, W − s·B₀·A₀ before quantizing where the adapter started from the
    weight. In fp32 these are exact; bf16 rounds them once more. Raises what reading the model raises.
    """
    write_merged(source, Target(dtype), folder, _Unlearned(source.adapter))
