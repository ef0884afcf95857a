"""Hard-coded attention: weights follow a Gaussian around a position near the query's.

    context_i = sum_j w_ij v_j / sum_j w_ij,    w_ij = exp(-(j - i - o)^2 / (2 deviation^2))

The offset o depends on the head: -1 and +1 in turn in the encoder, -1 and 0 in the decoder.

Source: You et al. 2020, "Hard-Coded Gaussian Attention for Neural Machine Translation"
(arXiv:2005.00742): a Gaussian with standard deviation 1 around the previous, the current or the
next position. Nothing is learned beside the projections of values and output.

A key so far from the centre that float32 would not notice its weight is not read, so time and
memory grow with the length, and the decoding state is a few values.

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from seq2seq.attention.base import (
    AttentionCache,
    AttentionCore,
    AttentionOutput,
    causal_positions,
    ensure_no_bias,
)
from seq2seq.attention.config import AttentionContext, Role
from seq2seq.attention.controls import GaussianConfig
from seq2seq.attention.kernels import masked_softmax
from seq2seq.attention.recurrent import merge_groups, real_keys
from seq2seq.attention.reference import plain_softmax, weighted_sum
from seq2seq.attention.window_cache import WindowCache
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias

OFFSETS = {Role.ENCODER: (-1, 1), Role.CAUSAL: (-1, 0)}
# Deviations from the centre beyond which a weight is below 2^-24 of the greatest.
DEVIATIONS = 6


class ValueWindow(WindowCache):
    """A `WindowCache` whose keys have no numbers."""

    def __init__(
        self,
        batch_size: int,
        num_kv_heads: int,
        head_dim: int,
        *,
        reach: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        super().__init__(
            batch_size, num_kv_heads, head_dim, reach=reach, dtype=dtype, device=device
        )
        self.k = self.v[..., :0]


class GaussianCore(AttentionCore[GaussianConfig]):
    """Distances are those of keys from queries, j - i."""

    offsets: Tensor

    def __init__(self, config: GaussianConfig, context: AttentionContext) -> None:
        super().__init__(config, context)
        near = OFFSETS[context.role]
        offsets = torch.tensor([near[head % len(near)] for head in range(context.num_heads)])
        self.register_buffer("offsets", offsets, persistent=False)
        self.reach = math.ceil(DEVIATIONS * config.deviation) + 1 + max(map(abs, near))

    def formula(
        self, q: Tensor, k: Tensor, v: Tensor, *, may_read: Tensor, bias: Tensor | float
    ) -> AttentionOutput:
        """A softmax of -(j - i - o)^2 / (2 deviation^2)."""
        i, j = torch.arange(q.size(2))[:, None], torch.arange(k.size(2))[None]
        distances = (j - i - self.offsets[:, None, None]).double()
        logits = -distances.square() / (2 * self.config.deviation**2)
        return weighted_sum(plain_softmax(logits.expand(v.size(0), -1, -1, -1), may_read), v)

    def forward(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        *,
        padding: Padding | None = None,
        bias: LogitBias | None = None,
        need_weights: bool = False,
    ) -> AttentionOutput:
        """See `AttentionCore.forward`; exported weights are computed at quadratic cost."""
        ensure_no_bias(bias, "gaussian")
        real = None if padding is None or self.role is Role.CAUSAL else padding
        context = self.attend(v, 0, real)
        return AttentionOutput(context, self.weights(v, real) if need_weights else None)

    def empty_cache(
        self, batch_size: int, *, capacity: int, dtype: torch.dtype, device: torch.device
    ) -> ValueWindow:
        return ValueWindow(
            batch_size,
            self.num_kv_heads,
            self.head_dim,
            reach=self.reach,
            dtype=dtype,
            device=device,
        )

    def step(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        cache: AttentionCache,
        *,
        bias: LogitBias | None = None,
    ) -> Tensor:
        ensure_no_bias(bias, "gaussian")
        assert isinstance(cache, ValueWindow)
        _, values = cache.extend(v[..., :0], v)
        return self.attend(values, values.size(2) - v.size(2), None)

    def attend(self, v: Tensor, first: int, padding: Padding | None) -> Tensor:
        """Context (B, H, T, K) of the queries at the positions from `first` on.

        Args:
            v: values (B, G, S, K), the queries' own among them.
        """
        queries = v.size(2) - first
        ones = torch.ones(1, 1, v.size(2), 1, device=v.device)
        real = ones if padding is None else real_keys(padding).float()
        # Zeros beyond both ends, so that every query has a value at every distance.
        values, counted = (
            F.pad(x, (0, 0, self.reach, self.reach)) for x in (v.float() * real, real)
        )
        reach = self.reach if self.role is not Role.CAUSAL else 0
        distances = torch.arange(-self.reach, reach + 1, device=v.device)
        weights = self.log_weights(distances).exp().view(v.size(1), -1, len(distances))
        context = shifted_sums(values, weights, first, queries)
        total = shifted_sums(counted.expand(-1, v.size(1), -1, -1), weights, first, queries)
        return merge_groups(context / total.masked_fill(total == 0, 1)).to(v.dtype)

    def log_weights(self, distances: Tensor) -> Tensor:
        """Logarithms of w (H, ...) of integer distances (...)."""
        offsets = self.offsets.view(-1, *[1] * distances.dim())
        return -(distances - offsets).float().square() / (2 * self.config.deviation**2)

    def weights(self, v: Tensor, padding: Padding | None) -> Tensor:
        """(B, H, T, S)."""
        i, j = causal_positions(v.size(2), 0, v.device)
        logits, grid = self.log_weights(j - i), self.may_read(i, j, padding)
        return masked_softmax(logits.expand(v.size(0), -1, -1, -1), grid).to(v.dtype)


class _ShiftedSums(torch.autograd.Function):
    """Sums of shifts of a sequence; forward and backward add each shift in place.

    Autograd's own backward of a slice fills a whole sequence with zeros for each of them.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor, start: int, length: int) -> Tensor:
        ctx.save_for_backward(weights)
        ctx.start, ctx.shape = start, x.shape
        sums = x.new_zeros(*x.shape[:2], weights.size(1), length, x.size(3))
        for shift, weight in enumerate(weights.unbind(-1), start):
            sums.addcmul_(weight[:, :, None, None], x[:, :, None, shift : shift + length])
        return sums

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        (weights,) = ctx.saved_tensors
        grads = grad.new_zeros(ctx.shape)
        for shift, weight in enumerate(weights.unbind(-1), ctx.start):
            part = grads[:, :, shift : shift + grad.size(3)]
            for member in range(grad.size(2)):
                part.addcmul_(weight[:, member, None, None], grad[:, :, member])
        return grads, None, None, None


def shifted_sums(x: Tensor, weights: Tensor, start: int, length: int) -> Tensor:
    """sum_n weights[g, r, n] x[b, g, start + n + t] for t below `length`: (B, G, H/G, length, K).

    Args:
        x: (B, G, S, K).
        weights: (G, H/G, number of shifts).
    """
    sums: Tensor = _ShiftedSums.apply(x, weights, start, length)  # type: ignore[no-untyped-call]
    return sums
