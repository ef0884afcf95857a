"""Linformer: keys and values are projected along their positions to r slots, and queries read the slots.

    context_i = softmax(q_i (E k)^T / sqrt(K)) (F v),    E, F: (r, S) learned

Source: Wang et al. 2020, "Linformer: Self-Attention with Linear Complexity" (arXiv:2006.04768), section 4, equation 7.
E and F are separate for each key/value head, and start as in its theorem 1: normal with variance 1/r. They are sized by
the longest key side; a shorter one uses their first columns. A slot mixes all positions, so there is no weight per key,
and no causal form: a slot would mix the future in.

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim, r slots.
"""

import torch
from torch import Tensor, nn

from seq2seq.attention.base import AttentionCache, AttentionCore, AttentionOutput, refuse_bias
from seq2seq.attention.cache import SourceCache
from seq2seq.attention.config import AttentionContext, LinformerConfig
from seq2seq.attention.kernels import fused_attention
from seq2seq.errors import ConfigError
from seq2seq.padding import Padding
from seq2seq.position.logit_bias import LogitBias


class LinformerCore(AttentionCore[LinformerConfig]):
    """Holds E and F as `key_projection` and `value_projection`, each (G, r, max_length)."""

    def __init__(self, config: LinformerConfig, context: AttentionContext) -> None:
        super().__init__(config, context)
        shape = (self.num_kv_heads, config.rank, context.max_length)
        self.key_projection = nn.Parameter(torch.randn(shape) * config.rank**-0.5)
        self.value_projection = nn.Parameter(torch.randn(shape) * config.rank**-0.5)

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
        """As `AttentionCore.forward`; also refuses keys beyond max_length."""
        refuse_bias(bias, "linformer")
        if need_weights:
            raise ConfigError(
                "linformer reads mixtures of positions and has no weight per key position to export; "
                "choose another mechanism where alignments or attention weights are wanted"
            )
        slots = self.slots(k, v, padding)
        return AttentionOutput(
            fused_attention(q, *slots, dropout=self.config.dropout if self.training else 0.0), None
        )

    def source_cache(self, k: Tensor, v: Tensor, padding: Padding | None) -> SourceCache:
        """The slots (B, G, r, K) of a source; they have no padding."""
        return SourceCache(*self.slots(k, v, padding), None)

    def read_source(self, q: Tensor, cache: AttentionCache) -> Tensor:
        assert isinstance(cache, SourceCache)
        return fused_attention(q, cache.k, cache.v)

    def slots(self, k: Tensor, v: Tensor, padding: Padding | None) -> tuple[Tensor, Tensor]:
        """E k and F v (B, G, r, K). Padded keys and values are zeroed first, or they would be mixed in."""
        length, longest = k.size(2), self.key_projection.size(-1)
        if length > longest:
            raise ConfigError(
                f"linformer has projections for {longest} source positions and was given {length}; "
                "shorten the sentence, or train with a larger model.max_source_length"
            )
        if padding is not None:
            real = padding.valid()[:, None, :, None]
            k, v = k * real, v * real
        e, f = self.key_projection[..., :length], self.value_projection[..., :length]
        return e.to(k.dtype) @ k, f.to(v.dtype) @ v
