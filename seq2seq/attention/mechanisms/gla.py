"""Gated linear attention: each dimension of a head fades at a pace that the input sets.

    S_t = diag(alpha_t) S_(t-1) + k_t v_t^T,    o_t = S_t^T q_t / sqrt(K)
    log alpha_t = -2 sigmoid(a_t + offset),     a_t projected from the layer's input

Source: Yang et al. 2024, "Gated Linear Attention Transformers with Hardware-Efficient Training"
(arXiv:2312.06635). The paper's alpha is a root of a sigmoid of a low-rank projection. Here the
projection has full rank, the logarithm is bounded, so that no exponential of a chunk overflows, and
an offset makes a head begin with the decay that `retention` keeps. The paper's output gate is left
to other parts of the layer. `seq2seq.attention.decayed` has the form in chunks, and
`seq2seq.attention.recurrent_core` the encoder, which the paper does not have.

Shapes: B batch, T positions, G key/value heads, K head_dim.
"""

from torch import Tensor

from seq2seq.attention.config import AttentionContext
from seq2seq.attention.decayed import Update, gate_offset, log_decay
from seq2seq.attention.recurrences import GlaConfig
from seq2seq.attention.recurrent_core import RecurrentCore


class GlaCore(RecurrentCore[GlaConfig]):
    """Holds the offsets (G, 1, 1) of gates as the buffer `offset`. Keys are [k, a] (2 K)."""

    offset: Tensor

    def __init__(self, config: GlaConfig, context: AttentionContext) -> None:
        super().__init__(config, context)
        self.register_buffer("offset", gate_offset(self.num_kv_heads), persistent=False)

    def update(self, k: Tensor) -> Update:
        key, gate = k.split(self.head_dim, dim=-1)
        offset = self.by_head(self.offset.to(k.dtype), k.size(1))
        return Update(key * self.head_dim**-0.5, log_decay(gate + offset), None)
