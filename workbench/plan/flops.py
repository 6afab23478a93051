"""What a plan costs in arithmetic, per token of a dense decoder."""

from dataclasses import dataclass

from workbench.plan.catalogue import CATALOGUE
from workbench.plan.plan import Plan


@dataclass(frozen=True, slots=True)
class Flops:
    """Floating-point operations per token and step; `recompute` is the second forward of gradient checkpointing."""

    forward: int
    backward: int
    adapters: int
    recompute: int

    @property
    def total(self) -> int:
        return self.forward + self.backward + self.adapters + self.recompute


def flops_per_token(
    plan: Plan, sequence_length: int, gradient_checkpointing: bool = False, optimizer: str = "adamw"
) -> Flops:
    """The count for sequences of that length, attention halved by its causal mask.

    With P weights in the sites, H in the head, a attention width, s length, L blocks of which those from k up are
    adapted: forward 2P + 2H + 2asL; backward through activations 2H + (2P + 5asL)·(L − k)/L, since frozen weights have
    no gradient and blocks below k none at all. A plan that adapts nothing runs forward only. MeZO runs forward twice,
    and forward is about a third of what an adapter costs.
    """
    model = plan.map
    weights = sum(planned.site.params for planned in plan.sites)
    head = model.hidden_size * model.vocab_size
    attention = model.num_attention_heads * model.head_dim * sequence_length * model.blocks
    forward = 2 * weights + 2 * head + 2 * attention
    if plan.reference:
        return Flops(forward, 0, 0, 0)
    adapters = sum(CATALOGUE[p.adapter.method].flops(p.adapter, p.site) for p in plan.adapted if p.adapter)
    if optimizer == "mezo":
        return Flops(2 * forward, 0, 2 * adapters // 3, 0)
    above = model.blocks - min(planned.site.block for planned in plan.adapted)
    return Flops(
        forward=forward,
        backward=2 * head + (2 * weights + 5 * attention) * above // model.blocks,
        adapters=adapters,
        recompute=(2 * weights + 2 * attention) * above // model.blocks if gradient_checkpointing else 0,
    )
