"""Additive attention: a small network with one hidden layer scores each query and key.

    context_i = sum_j softmax_j(u . tanh(q_i + k_j)) v_j

Source: Bahdanau et al. 2015, "Neural Machine Translation by Jointly Learning to Align and
Translate" (arXiv:1409.0473), section 3.1 and appendix A.1.2: score = v_a . tanh(W_a s + U_a h). W_a
and U_a, with a bias, are the projections to queries and keys of `MultiHeadAttention`; v_a, here u
for each head, is a parameter of the core.

The hidden layer of all pairs would be (B, H, T, S, K). It is computed for one query at a time, and
again for its gradient; the logits (B, H, T, S) are computed, twice too, for a chunk of queries. So
memory grows with the length, and time with its square.

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, R = H / G, K head_dim.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from seq2seq.attention.base import AttentionCache, AttentionCore, AttentionOutput
from seq2seq.attention.cache import KeyValueCache, SourceCache
from seq2seq.attention.catalogue import AdditiveConfig
from seq2seq.attention.config import AttentionContext, Role
from seq2seq.attention.kernels import read_values
from seq2seq.attention.reference import plain_weights, weighted_sum
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias

CHUNK_LOGITS = 2**20  # logits in one chunk of queries


class AdditiveCore(AttentionCore[AdditiveConfig]):
    """Holds the vectors u as `score` (H, K)."""

    def __init__(self, config: AdditiveConfig, context: AttentionContext) -> None:
        super().__init__(config, context)
        self.score = nn.Parameter(torch.randn(self.num_heads, self.head_dim) * self.head_dim**-0.5)

    def formula(
        self, q: Tensor, k: Tensor, v: Tensor, *, may_read: Tensor, bias: Tensor | float
    ) -> AttentionOutput:
        """softmax(u . tanh(q_i + k_j) + bias) v."""
        hidden = (q[:, :, :, None] + k[:, :, None]).tanh()  # (B, H, T, S, K)
        logits = (hidden * self.score.double()[:, None, None]).sum(-1)
        return weighted_sum(plain_weights(self, logits + bias, may_read), v)

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
        context, weights = self.attend(
            q, k, v, padding=padding, bias=bias, need_weights=need_weights
        )
        return AttentionOutput(context, weights if need_weights else None)

    def empty_cache(
        self, batch_size: int, *, capacity: int, dtype: torch.dtype, device: torch.device
    ) -> KeyValueCache:
        return KeyValueCache(
            batch_size,
            self.num_kv_heads,
            self.head_dim,
            capacity=capacity,
            dtype=dtype,
            device=device,
        )

    def source_cache(self, k: Tensor, v: Tensor, padding: Padding | None) -> SourceCache:
        return SourceCache(k, v, padding)

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
        cache.append(k, v)
        return self.attend(q, cache.k, cache.v, bias=bias, seen=seen)[0]

    def read_source(self, q: Tensor, cache: AttentionCache) -> Tensor:
        assert isinstance(cache, SourceCache)
        return self.attend(q, cache.k, cache.v, padding=cache.padding)[0]

    def attend(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        *,
        padding: Padding | None = None,
        bias: LogitBias | None = None,
        seen: int = 0,
        need_weights: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Context and weights of queries at positions seen, seen + 1, ..., chunk by chunk."""
        chunk = max(1, CHUNK_LOGITS // max(1, q.size(0) * q.size(1) * k.size(2)))
        if q.size(2) <= chunk:
            return self.attend_chunk(q, k, v, padding, bias, seen)
        contexts, weights = [], []
        first = seen
        for q_c in q.split(chunk, dim=2):
            # A causal chunk reads no key after its last query.
            keys = first + q_c.size(2) if self.role is Role.CAUSAL else k.size(2)
            inputs = (q_c, k[:, :, :keys], v[:, :, :keys], padding, bias, first)
            if torch.is_grad_enabled():
                keep_rng = self.config.dropout > 0
                context_c, weights_c = checkpoint(
                    self.attend_chunk, *inputs, use_reentrant=False, preserve_rng_state=keep_rng
                )
            else:
                context_c, weights_c = self.attend_chunk(*inputs)
            first += q_c.size(2)
            contexts.append(context_c)
            if need_weights:
                weights.append(F.pad(weights_c, (0, k.size(2) - keys)))
        return torch.cat(contexts, dim=2), torch.cat(weights, dim=2) if need_weights else None

    def attend_chunk(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        padding: Padding | None,
        bias: LogitBias | None,
        first: int,
    ) -> tuple[Tensor, Tensor]:
        """Context (B, H, T, K) and weights (B, H, T, S) of queries from position `first` on."""
        groups = (k.size(1), q.size(1) // k.size(1))
        causal = self.role is Role.CAUSAL
        score = self.score.unflatten(0, groups)
        seen = first if causal else k.size(2)
        logits = pair_logits(q.float().unflatten(1, groups), k.float(), score, seen)
        logits = logits.flatten(1, 2)
        i = torch.arange(first, first + q.size(2), device=q.device)[:, None]
        j = torch.arange(k.size(2), device=q.device)[None]
        if bias is not None:
            logits = logits + bias(i, j)
        may_read = i >= j if causal else None if padding is None else padding.key_mask()
        weights = self.weighting.of_logits(logits, may_read)
        dropped = F.dropout(weights, self.config.dropout, self.training).to(v.dtype)
        return read_values(dropped, v), weights


def pair_logits(q: Tensor, k: Tensor, u: Tensor, seen: int) -> Tensor:
    """u . tanh(q_i + k_j) (B, G, R, T, S), with the hidden layer of one query in memory at a time.

    Query t reads the first `seen` + t + 1 keys; logits beyond them are zero and must be masked.

    Args:
        q: (B, G, R, T, K). k: (B, G, S, K). u: (G, R, K).
    """
    apply = cast(Callable[[Tensor, Tensor, Tensor, int], Tensor], PairLogits.apply)
    return apply(q, k, u, seen)


class PairLogits(torch.autograd.Function):
    """`pair_logits` and its gradient. All hidden layers share one buffer."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, u: Tensor, seen: int) -> Tensor:
        ctx.save_for_backward(q, k, u)
        ctx.seen = seen
        logits = q.new_zeros(*q.shape[:-1], k.size(2))
        buffer = hidden_buffer(q, k)
        for t in range(q.size(3)):
            hidden = hidden_layer(q, k, t, seen, buffer)
            logits[..., t, : hidden.size(3)] = (hidden @ u[..., None]).squeeze(-1)
        return logits

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_logits: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        q, k, u = ctx.saved_tensors
        buffer = hidden_buffer(q, k)
        of_q, of_k, of_u = torch.empty_like(q), torch.zeros_like(buffer), torch.zeros_like(u)
        for t in range(q.size(3)):
            hidden = hidden_layer(q, k, t, ctx.seen, buffer)
            g = of_logits[..., t, : hidden.size(3)]  # (B, G, R, S)
            of_u += (g[..., None, :] @ hidden).sum(0).squeeze(-2)
            slope = hidden.square_().neg_().add_(1)
            of_q[..., t, :] = (g[..., None, :] @ slope).squeeze(-2) * u
            of_k[:, :, :, : hidden.size(3)].addcmul_(slope, g[..., None])
        return of_q, (of_k * u[:, :, None]).sum(2), of_u, None


def hidden_buffer(q: Tensor, k: Tensor) -> Tensor:
    """(B, G, R, S, K): memory for the hidden layer of one query."""
    return q.new_empty(*q.shape[:3], *k.shape[2:])


def hidden_layer(q: Tensor, k: Tensor, t: int, seen: int, buffer: Tensor) -> Tensor:
    """tanh(q_t + k_j) for the keys j that query t reads, written into the buffer."""
    keys = min(k.size(2), seen + t + 1)
    return torch.add(q[:, :, :, t, None], k[:, :, None, :keys], out=buffer[:, :, :, :keys]).tanh_()
