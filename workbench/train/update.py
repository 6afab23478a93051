"""What an adapter adds to the output of its frozen layer, forward and backward in one operation.

y + s · repeat(C · average(x)), with C = B·A or one dense matrix; see `workbench.plan.structure`.

peft's layers compute the plain case from separate operations: they copy y, scale and add in passes over (tokens,
out_features), and leave the gradients of A and B to the general rule. Here both products of the forward pass go
straight into place, one gradient is computed as its transpose (matrix libraries are four times slower when the narrow
side comes last), and backward keeps x as it came, in its own dtype and shared with every other site that reads it, or
the averages where inputs are averaged.
"""

from typing import Any, NamedTuple

import torch


class Shape(NamedTuple):
    """How many neighbouring inputs are averaged, and how many neighbouring outputs get each result."""

    pool: int = 1
    repeat: int = 1


PLAIN = Shape()
_FEW = 8  # up to here a gather is faster than repeating: 0.3 against 6 ms for 1024 × 512 and 2 (one thread)


class _AddUpdate(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        y: torch.Tensor,
        x: torch.Tensor,
        a: torch.Tensor,
        b: torch.Tensor | None,
        scaling: float,
        shape: Shape,
        dropped: torch.Tensor | None,
    ) -> torch.Tensor:
        rows = _rows(x, a.dtype, shape.pool, dropped)
        hidden = None if b is None else a @ rows.t()
        left, right = (rows, a) if b is None or hidden is None else (hidden.t(), b)
        flat = y.view(-1, y.shape[-1])
        if y.dtype == a.dtype and shape.repeat == 1:
            flat.addmm_(left, right.t(), alpha=scaling)
        else:
            flat.add_(_repeated(left @ right.t(), shape.repeat), alpha=scaling)
        # the averages are this site's own and smaller than x; x itself is shared
        ctx.save_for_backward(x if shape.pool == 1 else rows, a, b, hidden, dropped)
        ctx.scaling, ctx.shape, ctx.x_shape, ctx.x_dtype = scaling, shape, x.shape, x.dtype
        ctx.mark_dirty(y)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        kept, a, b, hidden, dropped = ctx.saved_tensors
        pool, repeat = ctx.shape
        (grad,) = grads
        flat = grad.reshape(-1, grad.shape[-1]).to(a.dtype)
        if repeat > 1:
            flat = _sums(flat, repeat)
        rows = _rows(kept, a.dtype, 1, dropped) if pool == 1 else kept
        if b is None:
            grad_hidden, grad_b = flat.t() * ctx.scaling, None
        else:
            grad_hidden = (b.t() @ flat.t()).mul_(ctx.scaling)
            grad_b = (hidden @ flat).mul_(ctx.scaling).t()
        grad_x = None
        if ctx.needs_input_grad[1]:
            grad_rows = grad_hidden.t() @ a
            if dropped is not None:
                grad_rows = grad_rows.masked_fill_(dropped.reshape(grad_rows.shape), 0.0)
            grad_rows = grad_rows if pool == 1 else grad_rows.div_(pool)
            grad_x = _repeated(grad_rows, pool).view(ctx.x_shape).to(ctx.x_dtype)
        return grad, grad_x, grad_hidden @ rows, grad_b, None, None, None


def _rows(x: torch.Tensor, dtype: torch.dtype, pool: int, dropped: torch.Tensor | None) -> torch.Tensor:
    """x as (tokens, in_features / pool) in the adapter's dtype, averaged, with dropped values at zero."""
    flat = x.reshape(-1, x.shape[-1])
    if pool > 1:
        flat = averages(flat, pool, dtype)
    if dropped is not None:
        flat = flat.masked_fill(dropped.reshape(flat.shape), 0.0)
    return flat.to(dtype)


def averages(flat: torch.Tensor, pool: int, dtype: torch.dtype) -> torch.Tensor:
    """(tokens, features) to (tokens, features / pool), summed in `dtype`."""
    if flat.dtype != dtype:
        return flat.unflatten(1, (-1, pool)).mean(-1, dtype=dtype)
    return _sums(flat, pool).div_(pool)


def _sums(flat: torch.Tensor, count: int) -> torch.Tensor:
    """Sums of `count` neighbouring columns: a product with a vector of ones, which is faster than a reduction over
    a short last dimension."""
    ones = torch.ones(count, dtype=flat.dtype, device=flat.device)
    return torch.mv(flat.reshape(-1, count), ones).view(flat.shape[0], -1)


def _repeated(rows: torch.Tensor, count: int) -> torch.Tensor:
    """Every column `count` times, beside each other."""
    if count == 1:
        return rows
    if count > _FEW:
        return rows.repeat_interleave(count, dim=1)
    columns = torch.arange(rows.shape[1] * count, device=rows.device) // count
    return rows.index_select(1, columns)


def add_update(
    y: torch.Tensor,
    x: torch.Tensor,
    a: torch.Tensor,
    b: torch.Tensor | None,
    scaling: float,
    shape: Shape = PLAIN,
    dropped: torch.Tensor | None = None,
) -> torch.Tensor:
    """y + scaling·repeat(B·A·average(x)) for y (..., out), x (..., in), A (k, in/pool), B (out/repeat, k).

    Without B, A is the dense (out/repeat, in/pool) matrix. `y` is changed in place where nobody else can see it.
    `dropped` (tokens of x, in/pool) is True where an average counts as zero; the scaling has to make up for that.
    """
    if y._is_view():  # a linear layer with a bias gives a view, and autograd would copy all of it once more
        y = y.clone()
    added: torch.Tensor = _AddUpdate.apply(y, x, a, b, scaling, shape, dropped)
    return added
