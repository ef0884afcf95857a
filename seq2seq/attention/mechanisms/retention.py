"""Retention: products of queries and keys that fade with the distance, at a pace for each head.

    S_t = gamma S_(t-1) + k_t v_t^T,    o_t = S_t^T q_t / sqrt(K),    gamma = 1 - 2^(-5-h)

Source: Sun et al. 2023, "Retentive Network" (arXiv:2307.08621): the recurrence, gamma and the
division by the size of o. The paper turns queries and keys by rotary positions: `position=rope`
does so here. Its gate after retention is left to other parts of the layer.
`seq2seq.attention.decayed` has the form in chunks, and `seq2seq.attention.recurrent_core` the
encoder, which the paper does not have.

Shapes: B batch, T positions, G key/value heads, K head_dim.
"""

from torch import Tensor

from seq2seq.attention.config import AttentionContext
from seq2seq.attention.decayed import Update, initial_decay
from seq2seq.attention.recurrences import RetentionConfig
from seq2seq.attention.recurrent_core import RecurrentCore


class RetentionCore(RecurrentCore[RetentionConfig]):
    """Holds log gamma (G, 1, 1) as the buffer `decay`."""

    decay: Tensor

    def __init__(self, config: RetentionConfig, context: AttentionContext) -> None:
        super().__init__(config, context)
        decay = initial_decay(self.num_kv_heads)[:, None, None]
        self.register_buffer("decay", decay, persistent=False)

    def update(self, k: Tensor) -> Update:
        decay = self.by_head(self.decay.to(k.dtype), k.size(1))
        return Update(k * k.size(-1) ** -0.5, decay.expand(k.size(0), -1, k.size(2), -1), None)
