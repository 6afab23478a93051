"""Measures a method on a base format: one site, forward, backward, saved and loaded, against float64."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from workbench.train.adapters import ADAPTER
from workbench.train.audit import Difference, audit
from workbench.train.dense import dense_weight
from workbench.train.dropout import SiteDropout
from workbench.train.proof_formulas import change, exact_output
from workbench.train.proof_site import BuiltSite, Case, build_site, random_tensor
from workbench.train.save import load_adapter, load_starts, save_adapter

TOKENS = 11


@dataclass(frozen=True, slots=True)
class Errors:
    """Relative errors, max |found − exact| / max |exact|: of the output, and of each gradient."""

    forward: float
    gradients: dict[str, float]

    @property
    def largest(self) -> float:
        return max(self.forward, *self.gradients.values())


@dataclass(frozen=True, slots=True)
class Proof:
    """What was measured at one site.

    `whole`: against float64 over the dequantized weight. `adapter`: the same where the frozen layer's own product is
    taken as given, without the gradient of x: what the adapter alone is off, on a base that rounds its product.
    `start`: ‖W' − W‖/‖W‖ for the changed weight W' before the first step; W is the weight as it was before storing
    where the adapter starts from it, else the stored one. `stated`: ‖W' − W‖/‖W‖ against the weight before storing, as
    a run states it. `reloaded`: the output after saving and loading; `identical`: whether it is the same bit by bit.
    """

    whole: Errors
    adapter: Errors
    start: float
    stated: float
    reloaded: float
    identical: bool
    trainable_params: int
    differences: tuple[Difference, ...]


def prove(case: Case) -> Proof:
    """Measures one case in train mode: in eval mode bitsandbytes quantizes the inputs of int8 sites too."""
    site = build_site(case)
    start, stated = _start_error(site), site.norms.quant_error
    differences = audit(site.model, site.record)
    disturb(site)
    found, whole, adapter, exact = _measure(site)
    with tempfile.TemporaryDirectory() as folder:
        again = output(_reload(site, Path(folder)), inputs(case))
    return Proof(
        whole=whole,
        adapter=adapter,
        start=start,
        stated=stated,
        reloaded=relative(again, exact),
        identical=torch.equal(again, found),
        trainable_params=sum(p.numel() for p in site.model.parameters() if p.requires_grad),
        differences=differences,
    )


def relative(found: torch.Tensor, exact: torch.Tensor) -> float:
    """max |found − exact| / max |exact|."""
    return ((found.detach().double() - exact.detach()).abs().max() / exact.detach().abs().max()).item()


def inputs(case: Case) -> torch.Tensor:
    """x (TOKENS, in_features)."""
    return random_tensor(case, (TOKENS, case.in_features), 2)


def output(site: BuiltSite, x: torch.Tensor) -> torch.Tensor:
    """The site's output in train mode, (tokens, in) to (tokens, out)."""
    out: torch.Tensor = site.model.train().get_base_model()(x)
    return out


@torch.no_grad()
def disturb(site: BuiltSite) -> None:
    """Moves every trained value away from its start, as training would: nothing stays zero by chance."""
    for number, value in enumerate(site.trained.values()):
        size = 0.2 if value.dim() == 1 else 0.5 / value.shape[1] ** 0.5
        value.add_(random_tensor(site.case, tuple(value.shape), 3 + number), alpha=size)


def trained64(site: BuiltSite) -> dict[str, torch.Tensor]:
    """The trained values as float64 leaves."""
    return {name: value.detach().double().requires_grad_() for name, value in site.trained.items()}


def kept_by_dropout(site: BuiltSite) -> torch.Tensor | None:
    """1 where an (averaged) input of `inputs` is kept at the clock's step, 0 where it is dropped."""
    dropout = site.layer.lora_dropout[ADAPTER]
    if not isinstance(dropout, SiteDropout):
        return None
    return 1.0 - dropout.draw((TOKENS, site.trained["a"].shape[1]), torch.device("cpu")).double()


def _measure(site: BuiltSite) -> tuple[torch.Tensor, Errors, Errors, torch.Tensor]:
    x = inputs(site.case).requires_grad_()
    upstream = random_tensor(site.case, (TOKENS, site.case.out_features), 15)
    site.model.zero_grad()
    found = output(site, x)
    found.backward(upstream)
    gradients = {"x": x.grad, **{name: value.grad for name, value in site.trained.items()}}
    whole, exact = _errors(site, found, gradients, upstream, None)
    del gradients["x"]
    adapter, _ = _errors(site, found, gradients, upstream, lambda values: _frozen_product(site, values))
    return found, whole, adapter, exact


@torch.no_grad()
def _frozen_product(site: BuiltSite, values: torch.Tensor) -> torch.Tensor:
    """What the frozen layer makes of float64 values, without its bias."""
    base = site.layer.base_layer
    out: torch.Tensor = base(values.float()).double()
    return out if base.bias is None else out - base.bias.double()


def _errors(
    site: BuiltSite,
    found: torch.Tensor,
    gradients: dict[str, torch.Tensor | None],
    upstream: torch.Tensor,
    frozen: Callable[[torch.Tensor], torch.Tensor] | None,
) -> tuple[Errors, torch.Tensor]:
    trained, bias = trained64(site), site.layer.base_layer.bias
    leaves = {"x": inputs(site.case).double().requires_grad_(), **trained}
    weight = dense_weight(site.layer.base_layer).double()
    exact = exact_output(leaves["x"], weight, trained, site.case.adapter, kept_by_dropout(site), frozen)
    exact = exact if bias is None else exact + bias.double()
    exact.backward(upstream.double())
    off = {}
    for name, gradient in gradients.items():
        wanted = leaves[name].grad
        assert gradient is not None
        assert wanted is not None
        off[name] = relative(gradient, wanted)
    return Errors(relative(found, exact), off), exact


def _start_error(site: BuiltSite) -> float:
    stored = dense_weight(site.layer.base_layer).double()
    trained = {name: value.detach().double() for name, value in site.trained.items()}
    changed = stored + change(trained, site.case.adapter, (site.case.out_features, site.case.in_features))
    if "magnitude" in trained:
        changed *= (trained["magnitude"] / changed.norm(dim=1))[:, None]
    reference = site.original.double() if site.starts else stored
    return ((changed - reference).norm() / reference.norm()).item()


def _reload(site: BuiltSite, folder: Path) -> BuiltSite:
    """The site as another process would make it from what was saved."""
    save_adapter(site.model, site.record, folder / "adapter")
    again = build_site(site.case, load_starts(folder / "adapter"))
    again.clock.step = site.clock.step
    load_adapter(again.model, folder / "adapter")
    return again


def losses(case: Case, steps: int = 20, lr: float = 1e-2) -> list[float]:
    """The mean squared error before each of `steps` steps of Adam and after the last, towards another random weight."""
    site, x = build_site(case), 0.5 + inputs(case)
    target = output(site, x).detach() + x @ random_tensor(case, (case.in_features, case.out_features), 14)
    optimizer = torch.optim.Adam([p for p in site.model.parameters() if p.requires_grad], lr)
    found = []
    for step in range(steps + 1):
        site.clock.step = step
        loss = nn.functional.mse_loss(output(site, x), target)
        found.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return found
