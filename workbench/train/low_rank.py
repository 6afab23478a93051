"""A site's low-rank update, added to what its frozen layer gives: y + s·B·A·x, forward and backward in one operation.

peft's layers compute the same from separate operations: they copy y, scale and add in passes over (tokens,
out_features), and leave the gradients of A and B to the general rule. Here both products of the forward pass go
straight into place, one gradient is computed as its transpose (matrix libraries are four times slower when the narrow
side comes last), and backward keeps x as it came, in its own dtype and shared with every other site that reads it.
"""

from typing import Any

import torch


class _AddLowRank(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        y: torch.Tensor,
        x: torch.Tensor,
        a: torch.Tensor,
        b: torch.Tensor,
        scaling: float,
        dropped: torch.Tensor | None,
    ) -> torch.Tensor:
        hidden = a @ _rows(x, a.dtype, dropped).t()
        flat = y.view(-1, y.shape[-1])
        if y.dtype == a.dtype:
            flat.addmm_(hidden.t(), b.t(), alpha=scaling)
        else:
            flat.add_(hidden.t() @ b.t(), alpha=scaling)
        ctx.save_for_backward(x, a, b, hidden, dropped)
        ctx.scaling = scaling
        ctx.mark_dirty(y)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, a, b, hidden, dropped = ctx.saved_tensors
        (grad,) = grads
        flat = grad.reshape(-1, grad.shape[-1]).to(a.dtype)
        grad_hidden = (b.t() @ flat.t()).mul_(ctx.scaling)
        grad_x = None
        if ctx.needs_input_grad[1]:
            grad_x = (grad_hidden.t() @ a).view(x.shape)
            grad_x = (grad_x if dropped is None else grad_x.masked_fill_(dropped, 0.0)).to(x.dtype)
        grad_a = grad_hidden @ _rows(x, a.dtype, dropped)
        grad_b = (hidden @ flat).mul_(ctx.scaling).t()
        return grad, grad_x, grad_a, grad_b, None, None


def _rows(x: torch.Tensor, dtype: torch.dtype, dropped: torch.Tensor | None) -> torch.Tensor:
    """x as (tokens, in_features) in the adapter's dtype, with dropped values at zero."""
    kept = x if dropped is None else x.masked_fill(dropped, 0.0)
    return kept.reshape(-1, x.shape[-1]).to(dtype)


def add_low_rank(
    y: torch.Tensor,
    x: torch.Tensor,
    a: torch.Tensor,
    b: torch.Tensor,
    scaling: float,
    dropped: torch.Tensor | None = None,
) -> torch.Tensor:
    """y + scaling·B·A·x for y (..., out_features), x (..., in_features), A (r, in_features), B (out_features, r).

    `y` is changed in place where nobody else can see it. `dropped` is True where x counts as zero; the scaling has to
    make up for that.
    """
    if y._is_view():  # a linear layer with a bias gives a view, and autograd would copy all of it once more
        y = y.clone()
    added: torch.Tensor = _AddLowRank.apply(y, x, a, b, scaling, dropped)
    return added
