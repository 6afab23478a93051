"""What every method stands for, written out densely in float64: what its layers are measured against.

Written from the papers' formulas and index by index, apart from the layers and from the structures of the catalogue:
one mistake cannot be in both. A method without a formula here is held against the general one that its entry states.
"""

import math
from collections.abc import Callable, Mapping

import torch

from workbench.plan.catalogue import CATALOGUE
from workbench.plan.settings import AdapterSettings

# "a" and "b" (or "a" alone, a dense matrix), "beta" (2), "magnitude" (out): the trained values of a site in float64
Trained = Mapping[str, torch.Tensor]
# the change ΔW (out, in) of a weight of that shape
Formula = Callable[[Trained, AdapterSettings, tuple[int, int]], torch.Tensor]


def _entries(core: torch.Tensor, repeat: int, pool: int, shape: tuple[int, int]) -> torch.Tensor:
    """M[a, b] = core[a // repeat, b // pool] for a matrix M of that shape."""
    rows, columns = torch.arange(shape[0])[:, None], torch.arange(shape[1])[None, :]
    return core[rows // repeat, columns // pool]


def _lora(trained: Trained, adapter: AdapterSettings, shape: tuple[int, int]) -> torch.Tensor:
    return adapter.alpha / adapter.r * (trained["b"] @ trained["a"])


def _rslora(trained: Trained, adapter: AdapterSettings, shape: tuple[int, int]) -> torch.Tensor:
    return adapter.alpha / math.sqrt(adapter.r) * (trained["b"] @ trained["a"])


def _blora(trained: Trained, adapter: AdapterSettings, shape: tuple[int, int]) -> torch.Tensor:
    share = adapter.alpha / adapter.r / adapter.balance
    return share * _entries(trained["b"] @ trained["a"], adapter.balance, adapter.balance, shape)


def _qalora(trained: Trained, adapter: AdapterSettings, shape: tuple[int, int]) -> torch.Tensor:
    share = adapter.alpha / adapter.r / adapter.pool
    return share * _entries(trained["b"] @ trained["a"], 1, adapter.pool, shape)


def _qablora(trained: Trained, adapter: AdapterSettings, shape: tuple[int, int]) -> torch.Tensor:
    share = adapter.alpha / adapter.r / adapter.pool
    return share * _entries(trained["b"] @ trained["a"], adapter.balance, adapter.pool, shape)


def _qahira(trained: Trained, adapter: AdapterSettings, shape: tuple[int, int]) -> torch.Tensor:
    share = adapter.alpha / adapter.r / adapter.pool
    return share * _entries(trained["a"], adapter.balance, adapter.pool, shape)


def _irqlora(trained: Trained, adapter: AdapterSettings, shape: tuple[int, int]) -> torch.Tensor:
    """y = s(B·h + β2·repeat(h)) with h = A·x + β1·average(x), each linear part as a matrix of its own."""
    (rows, columns), r = shape, adapter.r
    inner = torch.arange(r)
    averaging = (torch.arange(columns)[None, :] // (columns // r) == inner[:, None]).double() / (columns // r)
    repeating = (torch.arange(rows)[:, None] // (rows // r) == inner[None, :]).double()
    hidden = trained["a"] + trained["beta"][0] * averaging
    return adapter.alpha / r * (trained["b"] @ hidden + trained["beta"][1] * (repeating @ hidden))


FORMULAS: dict[str, Formula] = {
    "lora": _lora,
    "rslora": _rslora,
    "dora": _lora,  # the change of the direction; the magnitude follows in `exact_output`
    "blora": _blora,
    "qalora": _qalora,
    "qablora": _qablora,
    "qahira": _qahira,
    "irqlora": _irqlora,
}


def _by_entry(trained: Trained, adapter: AdapterSettings, shape: tuple[int, int]) -> torch.Tensor:
    """The general formula of `workbench.plan.structure`, with the numbers of the method's entry."""
    method = CATALOGUE[adapter.method]
    structure = method.structure(adapter)
    core = trained["b"] @ trained["a"] if "b" in trained else trained["a"]
    return method.scaling(adapter) / structure.pool * _entries(core, structure.repeat, structure.pool, shape)


def change(trained: Trained, adapter: AdapterSettings, shape: tuple[int, int]) -> torch.Tensor:
    """ΔW (out, in) in float64, before any magnitude."""
    return FORMULAS.get(adapter.method, _by_entry)(trained, adapter, shape)


def exact_output(
    x: torch.Tensor,
    weight: torch.Tensor,
    trained: Trained,
    adapter: AdapterSettings,
    kept: torch.Tensor | None = None,
    frozen: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> torch.Tensor:
    """The site's output (tokens, out) without bias, for x (tokens, in) and its frozen weight (out, in).

    `kept` (tokens, in/pool) is 0 where dropout drops an average of inputs. `frozen` takes the place of x·Wᵀ where that
    product is not what is measured. The norm of a magnitude counts as a constant, as in the paper.
    """
    delta = change(trained, adapter, (weight.shape[0], weight.shape[1]))
    product = frozen or (lambda values: values @ weight.T)
    seen, plain = x, product(x)
    if kept is not None:
        pool = x.shape[-1] // kept.shape[-1]
        seen = x * kept[:, torch.arange(x.shape[-1]) // pool] / (1 - adapter.dropout)
    if "magnitude" not in trained:
        return plain + seen @ delta.T
    ratio = trained["magnitude"] / (weight + delta).detach().norm(dim=1)
    return plain + (ratio - 1) * product(seen) + ratio * (seen @ delta.T)
