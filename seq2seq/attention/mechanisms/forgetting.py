"""Forgetting attention: what lies between a key and a query lets its logit fade.

    context_i = sum_j softmax_j(q_i . k_j / sqrt(K) + F_i - F_j) v_j,    F_i = sum_(t <= i) log f_t
    f_t = sigmoid(a_t + offset),    a_t projected from the layer's input, one a key/value head

Source: Lin et al. 2025, "Forgetting Transformer: Softmax Attention with a Forget Gate"
(arXiv:2503.02130). The offset of a head makes f begin at 1 - 2^(-5-h), as in `retention`. It needs
no positions, and carries any. It is a mechanism of the decoder.

F_i is the same for all keys of a query and falls out of the softmax; -F_j is a further number of
the key, by which the query has a one. So the fused kernels of full attention compute it, and its
cache holds it. F is in float32: it grows with the length, and differences of it are wanted.

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from seq2seq.attention.base import AttentionCache, AttentionOutput, causal_positions
from seq2seq.attention.cache import KeyValueCache
from seq2seq.attention.config import AttentionContext
from seq2seq.attention.decayed import initial_decay
from seq2seq.attention.mechanisms.full import FullCore
from seq2seq.attention.patterns import not_after
from seq2seq.attention.reference import plain_softmax, weighted_sum
from seq2seq.attention.softmaxes import ForgettingConfig
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias


class ForgettingCore(FullCore):
    """Holds the offsets (G, 1, 1) of gates as the buffer `offset`. Keys are [k, a] (K + 1)."""

    offset: Tensor

    def __init__(self, config: ForgettingConfig, context: AttentionContext) -> None:
        super().__init__(config, context)  # type: ignore[arg-type]
        offset = initial_decay(self.num_kv_heads).exp().logit()[:, None, None]
        self.register_buffer("offset", offset, persistent=False)

    def compute_dtype(self, x: Tensor) -> torch.dtype:
        return torch.promote_types(x.dtype, torch.float32)

    def formula(
        self, q: Tensor, k: Tensor, v: Tensor, *, may_read: Tensor, bias: Tensor | float
    ) -> AttentionOutput:
        """softmax(q k^T / sqrt(K) + F_i - F_j + bias) v."""
        vectors, gate = k.split([self.head_dim, 1], dim=-1)
        offset = self.offset.repeat_interleave(self.num_heads // self.num_kv_heads, dim=0)
        faded = (1 / (1 + (-gate - offset).exp())).log().cumsum(2)
        logits = q @ vectors.mT / self.head_dim**0.5 + faded - faded.mT + bias
        return weighted_sum(plain_softmax(logits, may_read), v)

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
        context, weights = super().forward(
            *self.widened(q, k, v, 0.0), padding=padding, bias=bias, need_weights=need_weights
        )
        return AttentionOutput(context[..., : self.head_dim].to(v.dtype), weights)

    def empty_cache(  # type: ignore[override]
        self, batch_size: int, *, capacity: int, dtype: torch.dtype, device: torch.device
    ) -> KeyValueCache:
        return KeyValueCache(
            batch_size,
            self.num_kv_heads,
            self.head_dim + 1,
            capacity=capacity,
            dtype=torch.float32,
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
        assert isinstance(cache, KeyValueCache)
        seen = cache.length
        faded = -cache.k[:, :, -1:, -1:] if seen else 0.0
        queries, keys, values = self.widened(q, k, v, faded)
        cache.append(keys, values)
        i, j = causal_positions(q.size(2), seen, q.device)
        # Not fused: with the further number of a key, a translation depended on its batch.
        context, _ = self.weighting.exact(
            queries,
            cache.k,
            cache.v,
            may_read=not_after(i, j) if q.size(2) > 1 else None,
            bias=None if bias is None else bias(i, j)[None],
        )
        return context[..., : self.head_dim].to(v.dtype)

    def widened(
        self, q: Tensor, k: Tensor, v: Tensor, faded: Tensor | float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """[q, 1], [k, -F] and [v, 0], of which products over sqrt(K + 1) are the logits.

        Args:
            faded: F (B, G, 1, 1) of the position before the first.
        """
        width = self.head_dim
        vectors, gate = k.float().split([width, 1], dim=-1)
        sums = F.logsigmoid(gate + self.offset).cumsum(2) + faded
        scale = (width + 1) ** 0.5
        queries = F.pad(q.float() * (scale / width**0.5), (0, 1), value=scale)
        return queries, torch.cat([vectors, -sums], dim=-1), F.pad(v.float(), (0, 1))
