"""What a plan needs of memory, by part, before anything is loaded.

The formulas hold for transformers' decoder blocks with the trainer's own adapter layers. The saved bytes of a Llama
block, with and without dropout, agree with what autograd keeps, in fp32 and in bf16.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby

from workbench.plan.catalogue import CATALOGUE
from workbench.plan.formats import FORMATS
from workbench.plan.plan import Plan, PlannedSite

DEFAULT_TOKENS = 2048
_COMPUTE_BYTES = {"fp32": 4, "bf16": 2, "fp16": 2}
_LOGIT_BYTES = {"fp32": 17, "bf16": 14, "fp16": 14}  # logits, their fp32 copy, log-probabilities and gradients
_CUDA_CONTEXT = 400_000_000  # measured between 0.3 and 0.5 GB
_CPU_CONTEXT = 406_000_000  # resident set of the trainer once its libraries are imported (torch 2.13, CPU build)
_HEADS_INPUT = "attention heads"


@dataclass(frozen=True, slots=True)
class Memory:
    """Peak bytes by part, for micro-batches of `tokens` tokens (pads count).

    base: frozen weights of all sites; embeddings: embeddings, head, norms and biases; trainable: adapter weights,
    gradients and optimizer states; activations: what backward keeps, and the largest dequantized weight; context: the
    device's own on a GPU, the interpreter and its libraries on the CPU. The allocator of a GPU reserves 2 to 8 % more
    than the total.
    """

    tokens: int
    base: int
    embeddings: int
    trainable: int
    activations: int
    logits: int
    context: int

    @property
    def total(self) -> int:
        return self.base + self.embeddings + self.trainable + self.activations + self.logits + self.context

    def parts(self) -> dict[str, int]:
        """The parts in bytes, with `total`, as `run.json` keeps them."""
        return {name: value for name, value in asdict(self).items() if name != "tokens"} | {"total": self.total}


def memory(
    plan: Plan,
    tokens: int = DEFAULT_TOKENS,
    compute_dtype: str = "fp32",
    optimizer: str = "adamw",
    gradient_checkpointing: bool = False,
    device: str = "cpu",
) -> Memory:
    """The estimate for one micro-batch of `tokens` tokens; `device` is torch's name of it, such as `cpu` or `cuda:0`.

    Embeddings, head and norms are held in the compute dtype. A plan that adapts nothing runs forward only: one
    block's activations, no gradients.
    """
    width = _COMPUTE_BYTES[compute_dtype]
    rest = plan.map.base_params - sum(planned.site.params for planned in plan.sites)
    return Memory(
        tokens=tokens,
        base=sum(planned.base_bytes for planned in plan.sites),
        embeddings=rest * width,
        trainable=trainable_bytes(plan, optimizer),
        activations=tokens * _kept_per_token(plan, width, gradient_checkpointing) + _dequantized(plan, width),
        logits=tokens * plan.map.vocab_size * _LOGIT_BYTES[compute_dtype],
        context=_CUDA_CONTEXT if device.startswith("cuda") else _CPU_CONTEXT,
    )


def trainable_bytes(plan: Plan, optimizer: str = "adamw") -> int:
    """fp32 weight, gradient and two moments: 16 bytes; 10 with 8-bit moments."""
    return plan.trainable_params * (10 if "8bit" in optimizer else 16)


def _kept_per_token(plan: Plan, width: int, gradient_checkpointing: bool) -> int:
    """Bytes that backward keeps of one token; nothing below the lowest adapted block."""
    blocks = [list(sites) for _, sites in groupby(plan.sites, key=lambda planned: planned.site.block)]
    lowest = min((planned.site.block for planned in plan.adapted), default=len(blocks) - 1)
    kept = [_block(plan, width) + sum(_adapters(plan, sites, width)) for sites in blocks[lowest:]]
    if gradient_checkpointing:
        return len(kept) * width * plan.map.hidden_size + max(kept)
    return sum(kept)


def _block(plan: Plan, width: int) -> int:
    """A block without adapters: fp32 inputs of two norms and their scales, q, k, v, the attention's output and
    log-sum-exp, and what the MLP multiplies."""
    model = plan.map
    heads, kv_heads = model.num_attention_heads * model.head_dim, model.num_key_value_heads * model.head_dim
    hidden = (3 if model.family.gated else 2) * model.intermediate_size
    return 8 * model.hidden_size + 8 + 4 * model.num_attention_heads + width * (2 * heads + 2 * kv_heads + hidden)


def _adapters(plan: Plan, sites: list[PlannedSite], width: int) -> Iterator[int]:
    """The adapters' share: their inputs, masks of dropout, and what the method keeps beyond them.

    Sites that read one tensor share it as it came, and the attention's output is there already. DoRA works on a copy
    of its own where the input is cast to fp32 or dropped.
    """
    shared = {_HEADS_INPUT}
    for planned, module in zip(sites, plan.map.modules, strict=True):
        if not (adapter := planned.adapter):
            continue
        yield CATALOGUE[adapter.method].activation_bytes(adapter, planned.site)
        if adapter.dropout:
            yield planned.site.in_features
        if adapter.method == "dora" and (adapter.dropout or width < 4):
            yield 4 * planned.site.in_features
        elif module.reads not in shared:
            shared.add(module.reads)
            yield width * planned.site.in_features


def _dequantized(plan: Plan, width: int) -> int:
    """The largest weight that a 4-bit product unpacks."""
    quantized = (planned.site.params for planned in plan.sites if FORMATS[planned.base.format].quantized)
    return width * max(quantized, default=0)
