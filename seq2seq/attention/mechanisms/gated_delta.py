"""Gated delta rule: a memory that fades, in which a new value replaces the one of its key.

    S_t = (I - b_t k_t k_t^T) alpha_t S_(t-1) + b_t k_t v_t^T,    o_t = S_t^T q_t
    b_t = sigmoid(c_t),    log alpha_t = -2 sigmoid(a_t + offset)

with keys of length one, and a and c projected from the layer's input. With `kda` alpha is a number
for each dimension of the keys.

Sources: Yang et al. 2025, "Gated Delta Networks: Improving Mamba2 with Delta Rule"
(arXiv:2412.06464); Kimi Team 2025, "Kimi Linear" (arXiv:2510.26692), for `kda`. Their short
convolutions and output gates are no part of the mechanism and are left out. Here log alpha is
bounded, so that no exponential of a chunk overflows, and an offset makes a head begin with the
decay that `retention` keeps. `seq2seq.attention.decayed` has the form in chunks, and
`seq2seq.attention.recurrent_core` the encoder, which the papers do not have.

Shapes: B batch, T positions, G key/value heads, K head_dim.
"""

from torch import Tensor

from seq2seq.attention.config import AttentionContext
from seq2seq.attention.decayed import Update, gate_offset, log_decay
from seq2seq.attention.elementwise import sigmoid
from seq2seq.attention.modifiers import EPSILON
from seq2seq.attention.recurrences import GatedDeltaConfig
from seq2seq.attention.recurrent_core import RecurrentCore


class GatedDeltaCore(RecurrentCore[GatedDeltaConfig]):
    """Holds the offsets (G, 1, 1) of gates as the buffer `offset`. Keys are [k, c, a]."""

    offset: Tensor

    def __init__(self, config: GatedDeltaConfig, context: AttentionContext) -> None:
        super().__init__(config, context)
        self.register_buffer("offset", gate_offset(self.num_kv_heads), persistent=False)

    def update(self, k: Tensor) -> Update:
        key, strength, gate = k.tensor_split((self.head_dim, self.head_dim + 1), dim=-1)
        key = key * (key.square().sum(-1, keepdim=True) + EPSILON).rsqrt()
        offset = self.by_head(self.offset.to(k.dtype), k.size(1))
        return Update(key, log_decay(gate + offset), sigmoid(strength))
