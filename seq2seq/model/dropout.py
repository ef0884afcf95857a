"""Dropout that draws few random numbers on a CPU, and that takes few passes over memory."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

NUM_OUTCOMES = 1 << 8  # of one decision, all equally probable
BYTES = 0x0101010101010101  # times b: each byte of a 64-bit number is b
HIGHEST_BITS = ~(127 * BYTES)  # of each byte, as a signed number


class Dropout(nn.Module):
    """In training, zero each element with probability p and scale the others by 1 / (1 - p).

    On a CPU each 64-bit random number makes eight decisions, where torch draws a number per
    element: several times faster. The probability is rounded to a multiple of 1/256, and the scale
    follows from the rounded one.

    Source: Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting".
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.num_dropped = round(p * NUM_OUTCOMES)  # outcomes that zero an element

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.num_dropped == 0:
            return x
        if x.device.type != "cpu":
            return F.dropout(x, self.p)
        dropped: Tensor = _AddDropped.apply(None, x, self.num_dropped)  # type: ignore[no-untyped-call]
        return dropped

    def added_to(self, x: Tensor, output: Tensor) -> Tensor:
        """x plus the output of a sub-layer after dropout, in one pass on a CPU."""
        if not self.training or self.num_dropped == 0 or x.device.type != "cpu":
            return x + self.forward(output)
        total: Tensor = _AddDropped.apply(x, output, self.num_dropped)  # type: ignore[no-untyped-call]
        return total

    def after_relu(self, x: Tensor) -> Tensor:
        """Dropout of max(x, 0). On a CPU nothing but the result is kept for the gradient."""
        if not self.training or self.num_dropped == 0 or x.device.type != "cpu":
            return self.forward(F.relu(x))
        dropped: Tensor = _DroppedRelu.apply(x, self.num_dropped)  # type: ignore[no-untyped-call]
        return dropped

    def extra_repr(self) -> str:
        return f"p={self.p}"


class _AddDropped(torch.autograd.Function):
    """x + kept output / (1 - p), or without x (None) its second term. Keeps a byte per decision."""

    @staticmethod
    def forward(ctx: Any, x: Tensor | None, output: Tensor, num_dropped: int) -> Tensor:
        kept = draw_kept(output.numel(), num_dropped).view(output.shape)
        ctx.scale = NUM_OUTCOMES / (NUM_OUTCOMES - num_dropped)
        ctx.save_for_backward(kept)
        ctx.dtype, ctx.has_x = output.dtype, x is not None
        return add_kept(output.new_zeros(()) if x is None else x, output, kept, ctx.scale)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, None]:
        (kept,) = ctx.saved_tensors
        of_output = gradient.to(ctx.dtype)
        of_output = add_kept(of_output.new_zeros(()), of_output, kept, ctx.scale)
        return gradient if ctx.has_x else None, of_output, None


class _DroppedRelu(torch.autograd.Function):
    """kept max(x, 0) / (1 - p), which is above 0 where its gradient is not zero."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, num_dropped: int) -> Tensor:
        kept = draw_kept(x.numel(), num_dropped).view(x.shape)
        ctx.scale = NUM_OUTCOMES / (NUM_OUTCOMES - num_dropped)
        out = add_kept(x.new_zeros(()), x, kept, ctx.scale).clamp_min_(0)
        ctx.save_for_backward(out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (out,) = ctx.saved_tensors
        return torch.ops.aten.threshold_backward(gradient, out, 0).mul_(ctx.scale), None


def add_kept(x: Tensor, y: Tensor, kept: Tensor, scale: float) -> Tensor:
    """x + scale * kept * y. With all three in one type it is one pass."""
    dtype = torch.promote_types(x.dtype, y.dtype)
    return torch.addcmul(x.to(dtype), y.to(dtype), kept.to(dtype), value=scale)


def draw_kept(count: int, num_dropped: int) -> Tensor:
    """(count,) bytes, each 0 with probability num_dropped / 256 and 1 otherwise.

    A random byte b is kept if b xor 128, as version 0.1.0 read it, is at least num_dropped. Eight
    bytes are compared at a time, as parts of one number: the sum of the low bits of each and of
    -num_dropped modulo 128 carries into the highest bit if the low bits are large enough.
    """
    words = torch.empty((count + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
    words.bitwise_xor_(HIGHEST_BITS)
    half = NUM_OUTCOMES // 2
    kept = (words & ~HIGHEST_BITS).add_(BYTES * (-num_dropped % half))
    if num_dropped <= half:
        kept.bitwise_or_(words)
    else:
        kept.bitwise_and_(words)
    return kept.bitwise_right_shift_(7).bitwise_and_(BYTES).view(torch.uint8)[:count]
