"""Linformer: keys and values projected along their positions to r slots, which queries read.

    context_i = softmax(q_i (E k)^T / sqrt(K)) (F v),    E, F: (r, S) learned

Source: Wang et al. 2020, "Linformer: Self-Attention with Linear Complexity" (arXiv:2006.04768),
section 4, equation 7. E and F are separate for each key/value head and are initialised as in its
theorem 1, normal with variance 1/r. They have a column for each position up to the longest; shorter
sequences use the first columns. A slot mixes all positions, so there is no weight per key, and no
causal form: a slot would mix the future in.

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim, r slots.
"""

import torch
from torch import Tensor, nn

from seq2seq.attention.base import AttentionCache, AttentionCore, AttentionOutput, ensure_no_bias
from seq2seq.attention.cache import SourceCache
from seq2seq.attention.catalogue import LinformerConfig
from seq2seq.attention.config import AttentionContext
from seq2seq.attention.kernels import fused_attention
from seq2seq.errors import ConfigError
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias


class LinformerCore(AttentionCore[LinformerConfig]):
    """Holds E and F as `key_projection` and `value_projection`, each (G, r, max_length)."""

    def __init__(self, config: LinformerConfig, context: AttentionContext) -> None:
        super().__init__(config, context)
        shape = (self.num_kv_heads, config.rank, context.max_length)
        self.key_projection = nn.Parameter(torch.randn(shape) * config.rank**-0.5)
        self.value_projection = nn.Parameter(torch.randn(shape) * config.rank**-0.5)

    def formula(
        self, q: Tensor, k: Tensor, v: Tensor, *, may_read: Tensor, bias: Tensor | float
    ) -> AttentionOutput:
        """softmax(q (E k)^T / sqrt(K)) (F v) over the slots, with k and v zero where padded."""
        kv_head = torch.arange(q.size(1)) // (q.size(1) // self.num_kv_heads)
        real = may_read.expand(q.size(0), 1, *may_read.shape[-2:])[:, :, :1].mT  # (B, 1, S, 1)
        e, f = [
            x.double()[kv_head, :, : k.size(2)]
            for x in (self.key_projection, self.value_projection)
        ]
        k, v = e @ (k * real), f @ (v * real)
        return AttentionOutput((q @ k.mT / q.size(-1) ** 0.5).softmax(-1) @ v, None)

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
        """See `AttentionCore.forward`; refuses sequences longer than the projections, too."""
        ensure_no_bias(bias, "linformer")
        if need_weights:
            raise ConfigError(
                "linformer reads mixtures of positions and has no weight per key position to "
                "export; choose another mechanism for alignments or attention weights"
            )
        slots = self.slots(k, v, padding)
        return AttentionOutput(
            fused_attention(q, *slots, dropout=self.config.dropout if self.training else 0.0), None
        )

    def source_cache(self, k: Tensor, v: Tensor, padding: Padding | None) -> SourceCache:
        """The slots (B, G, r, K) of a source, without padding."""
        return SourceCache(*self.slots(k, v, padding), None)

    def read_source(self, q: Tensor, cache: AttentionCache) -> Tensor:
        assert isinstance(cache, SourceCache)
        return fused_attention(q, cache.k, cache.v)

    def slots(self, k: Tensor, v: Tensor, padding: Padding | None) -> tuple[Tensor, Tensor]:
        """E k and F v (B, G, r, K), with padded keys and values zero."""
        length, max_length = k.size(2), self.key_projection.size(-1)
        if length > max_length:
            raise ConfigError(
                f"linformer has projections for {max_length} source positions, not {length}; "
                "shorten the sentence, or train with a larger model.max_source_length"
            )
        if padding is not None:
            real = padding.valid()[:, None, :, None]
            k, v = k * real, v * real
        e, f = self.key_projection[..., :length], self.value_projection[..., :length]
        return e.to(k.dtype) @ k, f.to(v.dtype) @ v
