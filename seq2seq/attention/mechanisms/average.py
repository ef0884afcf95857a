"""Average attention: every query reads the mean of the values.

    context_i = 1/n sum_j v_j,    j <= i and n = i in CAUSAL, else all n real keys

Source: Zhang et al. 2018, "Accelerating Neural Transformer via an Average Attention Network"
(arXiv:1805.00631), equation 1, without its feed-forward network and gate: layers have a
feed-forward network of their own. The paper has the decoder's form; in the encoder the mean is over
the sentence. The decoding state is one sum.

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim.
"""

import torch
from torch import Tensor

from seq2seq.attention.base import (
    AttentionCache,
    AttentionCore,
    AttentionOutput,
    causal_positions,
    ensure_no_bias,
)
from seq2seq.attention.config import Role
from seq2seq.attention.controls import AverageConfig
from seq2seq.attention.recurrent import real_keys
from seq2seq.attention.reference import rows_normalised, weighted_sum
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias


class SumCache(AttentionCache):
    """The sum (rows, G, 1, K) of all values, in float32."""

    def __init__(self, total: Tensor) -> None:
        self.total = total
        self.length = 0

    @property
    def rows(self) -> int:
        return self.total.size(0)

    def means(self, v: Tensor) -> Tensor:
        """Means (rows, G, T, K) up to each of the next T values, which enter the sum."""
        sums = self.total + v.float().cumsum(2)
        self.total = sums[:, :, -1:].clone()
        counts = torch.arange(1, v.size(2) + 1, device=v.device) + self.length
        self.length += v.size(2)
        return sums / counts[:, None]

    def reorder(self, rows: Tensor) -> None:
        self.total = self.total.index_select(0, rows)

    def nbytes(self) -> int:
        return self.total.nbytes


class AverageCore(AttentionCore[AverageConfig]):
    def formula(
        self, q: Tensor, k: Tensor, v: Tensor, *, may_read: Tensor, bias: Tensor | float
    ) -> AttentionOutput:
        """The same weight for every key that may be read."""
        equal = may_read.double().expand(*v.shape[:2], q.size(2), k.size(2))
        return weighted_sum(rows_normalised(equal), v)

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
        """See `AttentionCore.forward`."""
        ensure_no_bias(bias, "average")
        if self.role is Role.CAUSAL:
            means = self.no_values(v).means(v).to(v.dtype)
        else:
            values = v.float() if padding is None else v.float() * real_keys(padding)
            mean = values.sum(2, keepdim=True) / self.count(v, padding)
            means = mean.to(v.dtype).expand_as(v)
        weights = self.weights(v, padding) if need_weights else None
        return AttentionOutput(self.by_query_head(means), weights)

    def empty_cache(
        self, batch_size: int, *, capacity: int, dtype: torch.dtype, device: torch.device
    ) -> SumCache:
        return SumCache(torch.zeros(batch_size, self.num_kv_heads, 1, self.head_dim, device=device))

    def step(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        cache: AttentionCache,
        *,
        bias: LogitBias | None = None,
    ) -> Tensor:
        ensure_no_bias(bias, "average")
        assert isinstance(cache, SumCache)
        return self.by_query_head(cache.means(v).to(v.dtype))

    def no_values(self, v: Tensor) -> SumCache:
        """The sum of no values."""
        return self.empty_cache(v.size(0), capacity=0, dtype=v.dtype, device=v.device)

    def by_query_head(self, x: Tensor) -> Tensor:
        """(B, G, T, K) -> (B, H, T, K)."""
        return x.repeat_interleave(self.num_heads // x.size(1), dim=1)

    def count(self, v: Tensor, padding: Padding | None) -> Tensor | int:
        """Real keys (B, 1, 1, 1), at least one."""
        if padding is None:
            return max(v.size(2), 1)
        return padding.lengths.clamp(min=1)[:, None, None, None]

    def weights(self, v: Tensor, padding: Padding | None) -> Tensor:
        """(B, H, T, S), equal for all keys of a query."""
        grid = self.may_read(*causal_positions(v.size(2), 0, v.device), padding)
        shape = (v.size(0), self.num_heads, v.size(2), v.size(2))
        return rows_normalised(grid.to(v.dtype).expand(shape))
