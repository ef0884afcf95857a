"""Hierarchical attention: to the words of each segment, then to the segments.

    a_ij = softmax of q_i . k_j / sqrt(K) over the keys j of the segment m(j) = floor(j / length)
    b_im = softmax_m(sum_(j in m) a_ij u_i . k_j / sqrt(K))
    weights_ij = b_i,m(j) a_ij,    context_i = sum_j weights_ij v_j

where each query has two vectors, q for words and u for segments. A segment is known by the mean of
its keys that the query's own word weights give, and its value is the same mean of its values. Rows
sum to one. Biases are added to both products, and both vectors are turned by rotary positions.

Source of the idea: Yang et al. 2016, "Hierarchical Attention Networks for Document Classification"
(NAACL 2016), where each level has one learned query for all texts, and segments are sentences. Here
they are `segment_length` positions, since a core knows positions and not which tokens stand there;
so a sentence is read alike in any batch. In the decoder the last segment holds the positions so
far. Full attention is the limit of one long segment (with q) and of segments of one position (with
u).

Whole rows of logits are formed, in chunks of queries, twice those of full attention.

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim, n segments.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from seq2seq.attention.base import AttentionCache, AttentionOutput, causal_positions
from seq2seq.attention.cache import KeyValueCache
from seq2seq.attention.config import AttentionContext
from seq2seq.attention.kernels import key_logits, masked_softmax, read_values
from seq2seq.attention.mechanisms.full import FullCore
from seq2seq.attention.patterns import not_after
from seq2seq.attention.reference import plain_softmax, weighted_sum
from seq2seq.attention.softmaxes import HierarchicalConfig
from seq2seq.attention.weighting import Weighting, wide
from seq2seq.position.base import LogitBias


class SegmentWeighting(Weighting):
    """Weights by word and segment, in chunks of queries [q, u] (B, H, T, 2 K)."""

    def __init__(self, config: HierarchicalConfig, num_heads: int) -> None:
        super().__init__(config, num_heads)
        self.by_rows = True
        self.segment = config.segment_length

    def exact(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        *,
        may_read: Tensor | None = None,
        bias: Tensor | None = None,
        dropout: float = 0.0,
    ) -> tuple[Tensor, Tensor]:
        words, segments = (key_logits(half, wide(k)) for half in wide(q).chunk(2, -1))
        if bias is not None:
            words, segments = words + bias, segments + bias
        read = ~words.isneginf()
        weights = self.products(words, segments, read if may_read is None else read & may_read)
        return read_values(F.dropout(weights, dropout).to(v.dtype), v), weights

    def products(self, words: Tensor, segments: Tensor, read: Tensor) -> Tensor:
        """Weights (B, H, T, S) of the logits of both levels, of the same shape.

        Args:
            read: boolean, True where a key may be read.
        """
        missing = -words.size(-1) % self.segment
        # (..., S) -> (..., n, segment)
        inside, words, segments = (
            F.pad(x, (0, missing)).unflatten(-1, (-1, self.segment))
            for x in (read, words, segments.masked_fill(~read, 0))
        )
        in_segment = masked_softmax(words, inside)
        of_segments = masked_softmax((in_segment * segments).sum(-1), inside.any(-1))
        weights: Tensor = (of_segments[..., None] * in_segment).flatten(-2)
        return weights[..., : read.size(-1)]


class HierarchicalCore(FullCore):
    """Queries are [q, u] (2 K)."""

    def __init__(self, config: HierarchicalConfig, context: AttentionContext) -> None:
        super().__init__(config, context)  # type: ignore[arg-type]
        self.segment = config.segment_length
        self.weighting = SegmentWeighting(config, context.num_heads)

    def formula(
        self, q: Tensor, k: Tensor, v: Tensor, *, may_read: Tensor, bias: Tensor | float
    ) -> AttentionOutput:
        """Segment by segment."""
        words, segments = (x @ k.mT / self.head_dim**0.5 + bias for x in q.chunk(2, -1))
        of_key = torch.arange(k.size(2)) // self.segment
        parts = [may_read & (of_key == segment) for segment in range(int(of_key[-1]) + 1)]
        in_segment = [plain_softmax(words, part) for part in parts]
        means = torch.stack([(a * segments).sum(-1) for a in in_segment], dim=-1)
        some = torch.stack([part.any(-1) for part in parts], dim=-1)
        of_segments = plain_softmax(means, some).unbind(-1)
        weights = sum(b[..., None] * a for a, b in zip(in_segment, of_segments, strict=True))
        assert isinstance(weights, Tensor)
        return weighted_sum(weights, v)

    def empty_cache(  # type: ignore[override]
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

    def step(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        cache: AttentionCache,
        *,
        bias: LogitBias | None = None,
    ) -> Tensor:
        # Segments are of positions, so each hypothesis has keys of its own, in their order.
        assert isinstance(cache, KeyValueCache)
        seen = cache.length
        cache.append(k, v)
        i, j = causal_positions(q.size(2), seen, q.device)
        values = None if bias is None else bias(i, j)[None]
        return self.weighting.fused(q, cache.k, cache.v, may_read=not_after(i, j), bias=values)
