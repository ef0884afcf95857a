"""Additive attention: a small network with one hidden layer scores each query and key.

    context_i = sum_j softmax_j(u . tanh(q_i + k_j)) v_j

Source: Bahdanau et al. 2015, "Neural Machine Translation by Jointly Learning to Align and Translate"
(arXiv:1409.0473), section 3.1 and appendix A.1.2: score = v_a . tanh(W_a s + U_a h). W_a and U_a, with a bias, are the
projections to queries and keys that `MultiHeadAttention` makes; only v_a, here u for each head, is the core's own.

The hidden layer of every pair would be (B, H, T, S, K). Queries go in chunks, and the backward pass recomputes each
chunk, so that memory grows with the length and time with its square.

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from seq2seq.attention.base import AttentionCache, AttentionCore, AttentionOutput
from seq2seq.attention.cache import KeyValueCache, SourceCache
from seq2seq.attention.config import AdditiveConfig, Role, Site
from seq2seq.attention.kernels import masked_softmax
from seq2seq.padding import Padding
from seq2seq.position.logit_bias import LogitBias

HIDDEN = 2**20  # numbers in the hidden layer of one chunk


class AdditiveCore(AttentionCore[AdditiveConfig]):
    """Holds the vectors u as `score` (H, K)."""

    def __init__(self, config: AdditiveConfig, site: Site) -> None:
        super().__init__(config, site)
        self.score = nn.Parameter(torch.randn(site.num_heads, site.head_dim) * site.head_dim**-0.5)

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
        context, weights = self.attend(q, k, v, padding=padding, bias=bias, need_weights=need_weights)
        return AttentionOutput(context, weights)

    def empty_cache(self, batch_size: int, *, capacity: int, like: Tensor) -> KeyValueCache:
        return KeyValueCache(batch_size, capacity=capacity, like=like)

    def source_cache(self, k: Tensor, v: Tensor, padding: Padding | None) -> SourceCache:
        return SourceCache(k, v, padding)

    def step(
        self, q: Tensor, k: Tensor | None, v: Tensor | None, cache: AttentionCache, *, bias: LogitBias | None = None
    ) -> Tensor:
        if isinstance(cache, SourceCache):
            return self.attend(q, cache.k, cache.v, padding=cache.padding)[0]
        assert isinstance(cache, KeyValueCache) and k is not None and v is not None
        seen = cache.length
        cache.append(k, v)
        return self.attend(q, cache.k, cache.v, bias=bias, seen=seen)[0]

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
        batch, heads, queries, head_dim = q.shape
        chunk = max(1, HIDDEN // max(1, batch * heads * k.size(2) * head_dim))
        contexts, weights = [], []
        for start in range(0, queries, chunk):
            first = seen + start
            q_c = q[:, :, start : start + chunk]
            # A causal chunk reads no key after its last query.
            keys = first + q_c.size(2) if self.role is Role.CAUSAL else k.size(2)
            inputs = (q_c, k[:, :, :keys], v[:, :, :keys], padding, bias, first)
            context_c, weights_c = checkpoint(
                self.attend_chunk, *inputs, use_reentrant=False, preserve_rng_state=self.config.dropout > 0
            )
            contexts.append(context_c)
            if need_weights:
                weights.append(F.pad(weights_c, (0, k.size(2) - keys)))
        return torch.cat(contexts, dim=2), torch.cat(weights, dim=2) if need_weights else None

    def attend_chunk(
        self, q: Tensor, k: Tensor, v: Tensor, padding: Padding | None, bias: LogitBias | None, first: int
    ) -> tuple[Tensor, Tensor]:
        """Context (B, H, T, K) and weights (B, H, T, S) of queries at positions first, first + 1, ..."""
        groups = (k.size(1), q.size(1) // k.size(1))
        hidden = (q.unflatten(1, groups)[..., None, :] + k[:, :, None, None]).flatten(1, 2).tanh_()  # (B, H, T, S, K)
        logits = (hidden @ self.score[:, None, :, None].to(q.dtype)).squeeze(-1).float()
        i = torch.arange(first, first + q.size(2), device=q.device)[:, None]
        j = torch.arange(k.size(2), device=q.device)[None]
        if bias is not None:
            logits = logits + bias(i, j)
        may_read = i >= j if self.role is Role.CAUSAL else None if padding is None else padding.key_mask()
        weights = masked_softmax(logits, may_read)
        dropped = F.dropout(weights, self.config.dropout, self.training).to(v.dtype)
        return (dropped.unflatten(1, groups) @ v[:, :, None]).flatten(1, 2), weights
