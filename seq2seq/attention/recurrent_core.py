"""`RecurrentCore`: a mechanism that keeps a matrix, in the decoder and as two directions.

    context_i = o_i / sqrt(mean(o_i^2) + epsilon)

where o_i is what query i reads from the matrix after its own position has entered. In the encoder
o_i is the sum of that and of the same from the other end of the sentence, each with its own matrix.
Without a softmax the size of o_i depends on the number of keys; dividing it head by head, without
further parameters, is what all these mechanisms do before their output projection (Sun et al.
2023).

o_i is linear in the values, so that a weight of each is defined: what the recurrence reads of a
value of 1 there and 0 elsewhere, divided as o_i is. They may be negative and sum to anything.

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, R = H / G, K head_dim.
"""

from abc import abstractmethod

import torch
from torch import Tensor

from seq2seq.attention.base import (
    AttentionCache,
    AttentionCore,
    AttentionOutput,
    ConfigT,
    ensure_no_bias,
)
from seq2seq.attention.config import Role
from seq2seq.attention.decayed import MatrixCache, Update, plain_recurrence
from seq2seq.attention.recurrent import group_queries, merge_groups, real_keys
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias

# Added to the mean square of what is read. The papers add 1e-6, so that a query that reads almost
# nothing gets its rounding enlarged a thousand times; here the factor is at most ten.
SQUARE_FLOOR = 1e-2


class RecurrentCore(AttentionCore[ConfigT]):
    @abstractmethod
    def update(self, k: Tensor) -> Update:
        """What keys with their gates (B, heads, T, W) do to the matrix, in their dtype.

        There are as many heads as key/value heads, or in the formula as query heads.
        """

    def by_head(self, x: Tensor, heads: int) -> Tensor:
        """Numbers (G, ...) of key/value heads, for G heads or repeated for the query heads."""
        return x.repeat_interleave(heads // x.size(0), dim=0)

    def formula(
        self, q: Tensor, k: Tensor, v: Tensor, *, may_read: Tensor, bias: Tensor | float
    ) -> AttentionOutput:
        """The recurrence, position by position, from one end or from both."""
        shape = (v.size(0), 1, q.size(2), k.size(2))
        update = self.update(k).only(may_read.expand(shape)[:, :, -1, :, None])
        weights = plain_recurrence(q, update)
        if self.role is Role.ENCODER:
            backward = update.each(lambda x: x.flip(2))
            weights = weights + plain_recurrence(q.flip(2), backward).flip(2, 3)
        read = weights @ v
        scale = inverse_size(read)
        return AttentionOutput(read * scale, weights * scale)

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
        ensure_no_bias(bias, self.config.name)
        update = self.update(k.float())
        if padding is not None:  # writes nothing and lets nothing fade, whatever the direction
            update = update.only(real_keys(padding))
        read = self.read(q.float(), update, v.float())
        scale = inverse_size(read)
        weights = None
        if need_weights:
            ones = torch.eye(k.size(2), device=k.device).expand(*k.shape[:3], -1)
            weights = self.read(q.float(), update, ones) * scale
        return AttentionOutput((read * scale).to(v.dtype), weights)

    def read(self, q: Tensor, update: Update, v: Tensor) -> Tensor:
        """What queries (B, H, T, K) read of values (B, G, T, V), from one end or from both."""
        ahead = self.follow(q, update, v)
        if self.role is Role.CAUSAL:
            return ahead
        back = self.follow(q.flip(2), update.each(lambda x: x.flip(2)), v.flip(2))
        return ahead + back.flip(2)

    def follow(self, q: Tensor, update: Update, v: Tensor) -> Tensor:
        """What queries (B, H, T, K) read (B, H, T, V), from the first position on."""
        cache = self.empty_matrix(v.size(0), v.size(3), v.device)
        return merge_groups(cache.read(group_queries(q, v.size(1)), update, v))

    def empty_matrix(self, rows: int, width: int, device: torch.device) -> MatrixCache:
        """A matrix of zeros for values of a width."""
        shape = (rows, self.num_kv_heads, self.head_dim, width)
        return MatrixCache(torch.zeros(shape, device=device))

    def empty_cache(
        self, batch_size: int, *, capacity: int, dtype: torch.dtype, device: torch.device
    ) -> MatrixCache:
        return self.empty_matrix(batch_size, self.head_dim, device)

    def step(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        cache: AttentionCache,
        *,
        bias: LogitBias | None = None,
    ) -> Tensor:
        ensure_no_bias(bias, self.config.name)
        assert isinstance(cache, MatrixCache)
        queries = group_queries(q.float(), self.num_kv_heads)
        read = merge_groups(cache.read(queries, self.update(k.float()), v.float()))
        return (read * inverse_size(read)).to(v.dtype)


def inverse_size(read: Tensor) -> Tensor:
    """1 / sqrt(mean(o^2) + epsilon) (..., 1) of o (..., K)."""
    return (read.square().mean(-1, keepdim=True) + SQUARE_FLOOR).rsqrt()
