"""Synthesizer: a softmax of learned logits of position pairs, whatever stands there.

    context_i = sum_j softmax_j(r_ij) v_j,    r_ij learned, or a_i . b_j / sqrt(rank) of learned
                                              vectors of positions

Source: Tay et al. 2021, "Synthesizer: Rethinking Self-Attention for Transformer Models"
(arXiv:2005.00743), the random Synthesizer and the factorised random one. Parameters are those of
each head, up to the longest sequence.

Weights are computed for a chunk of queries at a time, and again for their gradient, so that memory
grows with the length; the parameters of `form=random` grow with its square.

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seq2seq.attention.base import AttentionCache, AttentionCore, AttentionOutput
from seq2seq.attention.blocks import recomputed
from seq2seq.attention.cache import ValueCache
from seq2seq.attention.config import AttentionContext, Role
from seq2seq.attention.controls import SynthesizerConfig, SynthesizerForm
from seq2seq.attention.kernels import masked_softmax
from seq2seq.attention.recurrent import merge_groups, product
from seq2seq.attention.reference import plain_softmax, weighted_sum
from seq2seq.errors import ConfigError
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias

CHUNK_WEIGHTS = 2**20  # weights in one chunk of queries


class SynthesizerCore(AttentionCore[SynthesizerConfig]):
    """Holds r as `pair` (H, L, L), or a and b as `query_factor` and `key_factor` (H, L, rank).

    L is the longest sequence.
    """

    def __init__(self, config: SynthesizerConfig, context: AttentionContext) -> None:
        super().__init__(config, context)
        self.max_length = context.max_length
        self.random = config.form is SynthesizerForm.random
        width = self.max_length if self.random else config.rank
        shape = (self.num_heads, self.max_length, width)
        if self.random:
            self.pair = nn.Parameter(torch.randn(shape))
        else:
            self.query_factor = nn.Parameter(torch.randn(shape))
            self.key_factor = nn.Parameter(torch.randn(shape))

    def formula(
        self, q: Tensor, k: Tensor, v: Tensor, *, may_read: Tensor, bias: Tensor | float
    ) -> AttentionOutput:
        """A softmax of the table of logits, or of the product of its factors."""
        length = q.size(2)
        if self.random:
            logits = self.pair.double()[:, :length, :length]
        else:
            a, b = self.query_factor.double(), self.key_factor.double()
            logits = a[:, :length] @ b[:, :length].mT / self.config.rank**0.5
        return weighted_sum(
            plain_softmax((logits + bias).expand(v.size(0), -1, -1, -1), may_read), v
        )

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
        """See `AttentionCore.forward`; refuses sequences longer than its parameters, too."""
        return self.attend(v, 0, padding, bias, need_weights=need_weights)

    def empty_cache(
        self, batch_size: int, *, capacity: int, dtype: torch.dtype, device: torch.device
    ) -> ValueCache:
        return ValueCache(
            batch_size,
            self.num_kv_heads,
            self.head_dim,
            capacity=capacity,
            dtype=dtype,
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
        assert isinstance(cache, ValueCache)
        seen = cache.length
        cache.append(v)
        return self.attend(cache.v, seen, None, bias).context

    def attend(
        self,
        v: Tensor,
        first: int,
        padding: Padding | None,
        bias: LogitBias | None,
        *,
        need_weights: bool = False,
    ) -> AttentionOutput:
        """Context (B, H, T, K) and weights (B, H, T, S) of the queries from position `first` on.

        Args:
            v: values (B, G, S, K), the queries' own among them.
        """
        length = v.size(2)
        if length > self.max_length:
            raise ConfigError(
                f"synthesizer has logits for {self.max_length} positions, not {length}; shorten "
                "the sentence, or train with a larger model.max_source_length or max_target_length"
            )
        chunk = max(1, CHUNK_WEIGHTS // max(1, v.size(0) * self.num_heads * length))
        starts = range(first, max(length, first + 1), chunk)
        contexts, weights = [], []
        for start in starts:
            inputs = (v, start, min(start + chunk, length), padding, bias)
            context_c, weights_c = recomputed(self.attend_chunk, *inputs, when=len(starts) > 1)
            contexts.append(context_c)
            if need_weights:
                weights.append(F.pad(weights_c, (0, length - weights_c.size(-1))))
        return AttentionOutput(
            torch.cat(contexts, dim=2), torch.cat(weights, dim=2) if need_weights else None
        )

    def attend_chunk(
        self, v: Tensor, start: int, end: int, padding: Padding | None, bias: LogitBias | None
    ) -> tuple[Tensor, Tensor]:
        """Context (B, H, C, K) and weights (B, H, C, S) of the queries from start to end.

        A causal chunk has no weights of the keys after its last query.
        """
        if self.role is Role.CAUSAL:
            v = v[:, :, :end]
        i = torch.arange(start, end, device=v.device)[:, None]
        j = torch.arange(v.size(2), device=v.device)[None]
        logits = self.logits(start, end, v.size(2))
        if bias is not None:
            logits = logits + bias(i, j)
        weights = masked_softmax(logits[None], self.may_read(i, j, padding)).expand(
            v.size(0), -1, -1, -1
        )
        dropped = F.dropout(weights, self.config.dropout, self.training).to(v.dtype)
        context = product(dropped.unflatten(1, (v.size(1), -1)), v[:, :, None])
        return merge_groups(context), weights

    def logits(self, start: int, end: int, keys: int) -> Tensor:
        """r (H, C, S) of the queries from start to end and the first keys."""
        if self.random:
            return self.pair[:, start:end, :keys]
        factors = self.query_factor[:, start:end] * self.config.rank**-0.5
        logits: Tensor = factors @ self.key_factor[:, :keys].mT
        return logits
