"""What a plan needs of memory, by part, before anything is loaded.

The formulas hold for transformers' decoder blocks with the trainer's own adapter layers. The saved bytes of a Llama
block, with and without dropout, agree with what autograd keeps, in fp32 and in bf16; for the other families they are
from there up to about a quarter more. Assumed: an MLP beside attention (parallel) has a norm and an input of its own;
a block without gate keeps the activation's input (ReLU keeps its output, which the adapter of `down` then shares);
keys and values of grouped queries are not repeated, but for Falcon, Bloom and Gemma 2; the base has no dropout.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby

from workbench.plan.formats import FORMATS
from workbench.plan.model_map import ModelMap
from workbench.plan.plan import Plan, PlannedSite

DEFAULT_TOKENS = 2048
_COMPUTE_BYTES = {"fp32": 4, "bf16": 2, "fp16": 2}
# Logits, their fp32 copy, log-probabilities and gradients: 12 in bf16 by an H200's allocator at 512 to 8,192 tokens.
_LOGIT_BYTES = {"fp32": 17, "bf16": 12, "fp16": 12}
_CUDA_CONTEXT = 400_000_000  # measured between 0.3 and 0.5 GB
_CPU_CONTEXT = 406_000_000  # resident set of the trainer once its libraries are imported (torch 2.13, CPU build)
_HEADS_INPUT = "attention heads"


@dataclass(frozen=True, slots=True)
class Memory:
    """Peak bytes by part, for micro-batches of `tokens` tokens (pads count).

    base: frozen weights of all sites; embeddings: embeddings, head, norms and biases; trainable: adapter weights,
    gradients and optimizer states; activations: what backward keeps, and the largest dequantized weight; context: the
    device's own on a GPU, the interpreter and its libraries on the CPU. The allocator of a GPU reserves more than the
    total: 8 to 36 % were seen on an H200, most where the logits are most of it.
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
    sequence_length: int | None = None,
) -> Memory:
    """The estimate for one micro-batch of `tokens` tokens; `device` is torch's name of it, such as `cpu` or `cuda:0`.

    `sequence_length` (None: one sequence of all tokens) counts where attention keeps its matrix.

    Embeddings, head and norms are held in the compute dtype. A plan that adapts nothing runs forward only, and so does
    MeZO: one block's activations, no gradients.
    """
    width = _COMPUTE_BYTES[compute_dtype]
    rest = plan.map.base_params - sum(count * planned.site.params for planned, count in plan.kinds)
    forward_only = optimizer == "mezo" or not plan.adapted
    one_by_one = forward_only or gradient_checkpointing
    kept, one_block = _per_token(plan, width, sequence_length or tokens, forward_only, gradient_checkpointing)
    at_work = tokens * one_block + _kept_once(plan, gradient_checkpointing) + _dequantized(plan, width)
    logits = tokens * plan.map.vocab_size * _logit_bytes(compute_dtype, forward_only)
    return Memory(
        tokens=tokens,
        base=sum(count * planned.base_bytes for planned, count in plan.kinds),
        embeddings=rest * width,
        trainable=trainable_bytes(plan, optimizer),
        activations=tokens * kept + at_work,
        # Where blocks keep nothing, one is at work before the logits are there or when they are gone.
        logits=max(0, logits - at_work) if one_by_one else logits,
        context=_CUDA_CONTEXT if device.startswith("cuda") else _CPU_CONTEXT,
    )


def trainable_bytes(plan: Plan, optimizer: str = "adamw") -> int:
    """fp32 weight, gradient and two moments: 16 bytes; 10 with 8-bit moments; with MeZO 8, the weight and a copy."""
    if optimizer == "mezo":
        return plan.trainable_params * 8
    return plan.trainable_params * (10 if "8bit" in optimizer else 16)


def _logit_bytes(compute_dtype: str, forward_only: bool) -> int:
    """Bytes per token and word of the vocabulary; without a backward pass there is no gradient of them."""
    return _LOGIT_BYTES[compute_dtype] - (_COMPUTE_BYTES[compute_dtype] if forward_only else 0)


def _per_token(
    plan: Plan, width: int, length: int, forward_only: bool, gradient_checkpointing: bool
) -> tuple[int, int]:
    """Bytes of a token that are kept until backward, nothing below the lowest adapted block; and those of one block.

    The second are needed where blocks keep nothing, or their inputs alone, and one at a time is computed.
    """
    blocks = [list(sites) for _, sites in groupby(plan.sites, key=lambda planned: planned.site.block)]
    lowest = next((planned.site.block for planned in plan.sites if planned.adapter), len(blocks) - 1)
    block = _block(plan.map, width, length)
    known: dict[tuple[tuple[int, ...], ...], int] = {}  # most blocks are set alike
    kept = []
    for sites in blocks[lowest:]:
        kinds = tuple(planned.kind for planned in sites)
        if kinds not in known:
            known[kinds] = block + sum(_adapters(plan, sites, width))
        kept.append(known[kinds])
    if forward_only:
        return 0, max(kept)
    if gradient_checkpointing:
        return len(kept) * width * plan.map.hidden_size, max(kept)
    return sum(kept), 0


def _block(model: ModelMap, width: int, length: int) -> int:
    """A block without adapters: the inputs of its norms, what attention keeps, and what the MLP multiplies."""
    hidden = (3 if model.family.gated else 1) * model.intermediate_size
    return sum(_norms(model, width)) + _attention(model, width, length) + width * hidden


def _norms(model: ModelMap, width: int) -> Iterator[int]:
    """An RMS norm keeps its input in fp32 and one scale per vector, a layer norm its input and two statistics."""
    heads = {".q_": model.num_attention_heads, ".k_": model.num_key_value_heads}
    present = {skipped.name for skipped in model.skipped}
    for path in model.family.block_norms:
        if f"{model.family.blocks}.*.{path}" not in present:
            continue
        vectors = next((count for mark, count in heads.items() if mark in path), 0)
        size = vectors * model.head_dim or model.hidden_size
        yield 4 * size + 4 * max(vectors, 1) if model.family.norm == "rms" else width * size + 8 * max(vectors, 1)


def _attention(model: ModelMap, width: int, length: int) -> int:
    """q, k, v and the output; log-sum-exp per head, or the matrix where it is kept (with one key head always)."""
    kind, queries = model.family.attention, model.num_attention_heads * model.head_dim
    scores = length * model.num_attention_heads
    probabilities = 4 + (width if width < 4 else 0)  # softmax in fp32, and its copy in the compute dtype
    if kind == "softcapped":
        return width * 4 * queries + scores * (probabilities + width)
    if kind == "eager":
        return width * 6 * queries + scores * probabilities
    keys = model.num_key_value_heads * model.head_dim
    if kind == "expanded":
        # Values cut out of a fused output keep all of it; with fewer keys than heads there is a mask in every block.
        whole = 2 * queries if keys == queries else length
        matrix = 4 * scores if model.num_key_value_heads == 1 else 4 * model.num_attention_heads
        return width * (4 * queries + whole) + matrix
    return width * 2 * (queries + keys) + 4 * model.num_attention_heads


def _adapters(plan: Plan, sites: list[PlannedSite], width: int) -> Iterator[int]:
    """The adapters' share: their inputs, masks of dropout, and what the method keeps beyond them.

    Sites that read one tensor share it as it came, and the attention's output is there already, unless it is copied.
    DoRA works on a copy of its own where the input is cast to fp32 or dropped; where inputs are averaged, the averages
    are kept instead.
    """
    shared = set() if plan.map.family.partly_rotated else {_HEADS_INPUT}
    for planned, module in zip(sites, plan.map.modules, strict=True):
        adapter, structure, site = planned.adapter, planned.structure, planned.site
        if adapter is None or structure is None:
            continue
        yield structure.activation_bytes(site.in_features, site.out_features, width)
        if adapter.dropout:
            yield site.in_features // structure.pool
        if structure.magnitude and (adapter.dropout or width < 4):
            yield 4 * site.in_features
        elif structure.pool == 1 and module.reads not in shared:
            shared.add(module.reads)
            yield width * site.in_features


def _kept_once(plan: Plan, gradient_checkpointing: bool) -> int:
    """What adapters keep whatever the number of tokens: of every block, or of one at a time."""
    kept = {planned.kind: _step_bytes(planned) for planned, _ in plan.kinds}
    if not gradient_checkpointing:
        return sum(count * kept[planned.kind] for planned, count in plan.kinds)
    blocks = groupby(plan.sites, key=lambda planned: planned.site.block)
    return max((sum(kept[planned.kind] for planned in sites) for _, sites in blocks), default=0)


def _step_bytes(planned: PlannedSite) -> int:
    structure = planned.structure
    return structure.step_bytes(planned.site.in_features, planned.site.out_features) if structure else 0


def _dequantized(plan: Plan, width: int) -> int:
    """The largest weight that a 4-bit product unpacks."""
    quantized = (planned.site.params for planned, _ in plan.kinds if FORMATS[planned.base.format].quantized)
    return width * max(quantized, default=0)
