"""Performer: positive random features whose products estimate the softmax kernel (FAVOR+).

For x = q or k divided by K^(1/4), and random directions w_1, ..., w_F,

    phi_f(x) = exp(w_f . x - |x|^2 / 2),    E[phi(q) . phi(k)] / F = exp(q . k / sqrt(K))

and context_i = phi(q_i) M / (phi(q_i) . n) as in linear attention. The directions are orthogonal in
blocks of K, each as long as a Gaussian vector, one set for each key/value head.

Source: Choromanski et al. 2021, "Rethinking Attention with Performers" (arXiv:2009.14794), section
2.3, lemma 1 and section 2.4. Its stabiliser, the largest exponent over all keys, sees padding and
the future. Here it is, for each feature, the largest exponent over the keys that are read. It also
enters the exponent of the queries, so it cancels at any value: in decoding it rises with the keys,
and the sums are rescaled (as in online softmax).

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim, F features.
"""

import hashlib
from itertools import repeat

import torch
from torch import Tensor
from torch.nn import functional as F

from seq2seq.attention.base import AttentionCache, AttentionCore, AttentionOutput, ensure_no_bias
from seq2seq.attention.catalogue import PerformerConfig
from seq2seq.attention.config import AttentionContext, Role
from seq2seq.attention.recurrent import (
    CAUSAL_CHUNK,
    ScaledRecurrentCache,
    group_queries,
    kernel_scores,
    kernel_weights,
    merge_groups,
    real_keys,
    with_ones,
)
from seq2seq.attention.reference import rows_normalised, weighted_sum
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias

PIECE = 512  # positions whose features are computed together; allocating more at once is slower
# Largest rise of a peak within a chunk; float32 represents exponentials of -87 to 88, and sums.
MAX_RISE = 50.0


class PerformerCore(AttentionCore[PerformerConfig]):
    """Holds the directions (G, F, K) as the buffer `projection`: saved, never averaged."""

    projection: Tensor

    def __init__(self, config: PerformerConfig, context: AttentionContext) -> None:
        super().__init__(config, context)
        self.layer, self.seed = context.layer, context.seed
        self.draw_index = 0  # of the draw that `projection` holds
        self.register_buffer("projection", self.draw(0))

    def draw(self, index: int) -> Tensor:
        """Directions (G, F, K), a function of (seed, layer, head, index) alone."""
        heads = []
        for head in range(self.num_kv_heads):
            name = repr((self.seed, self.layer, head, index)).encode()
            seed = int.from_bytes(hashlib.blake2b(name, digest_size=7).digest(), "big")
            generator = torch.Generator().manual_seed(seed)
            heads.append(directions(self.config.num_features, self.head_dim, generator))
        return torch.stack(heads)

    def begin_step(self, step: int) -> None:
        """Redraw at the beginning of an interval, in training only."""
        interval = self.config.redraw_interval
        index = step // interval if interval else 0
        if self.training and index != self.draw_index:
            self.projection.copy_(self.draw(index))
            self.draw_index = index

    def formula(
        self, q: Tensor, k: Tensor, v: Tensor, *, may_read: Tensor, bias: Tensor | float
    ) -> AttentionOutput:
        """phi(q) . phi(k), normalised, with phi_f(x) = exp(w_f . x - |x|^2 / 2) of x / K^(1/4)."""
        kv_head = torch.arange(q.size(1)) // (q.size(1) // self.num_kv_heads)
        w = self.projection.double()[kv_head]  # (H, F, K)
        q, k = q / q.size(-1) ** 0.25, k / k.size(-1) ** 0.25
        phi_q, phi_k = [(x @ w.mT - x.square().sum(-1, keepdim=True) / 2).exp() for x in (q, k)]
        return weighted_sum(rows_normalised(phi_q @ phi_k.mT * may_read), v)

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
        """See `AttentionCore.forward`; weights are normalised kernel scores, at quadratic cost."""
        ensure_no_bias(bias, "performer")
        if self.role is Role.CAUSAL:
            empty = self.no_sums(k.size(0), k.device)
            return self.attend_causal(q, k, v, empty, need_weights=need_weights)
        cache = self.source_cache(k, v, padding)
        if not need_weights:
            return AttentionOutput(self.attend(q, cache), None)
        real = None if padding is None else real_keys(padding)
        phi_k = (self.key_exponents(k, real) - cache.peak[:, :, None]).exp()
        weights = kernel_weights(kernel_scores(self.query_features(q, cache), phi_k))
        return AttentionOutput(self.attend(q, cache), weights)

    def empty_cache(
        self, batch_size: int, *, capacity: int, dtype: torch.dtype, device: torch.device
    ) -> ScaledRecurrentCache:
        return self.no_sums(batch_size, device)

    def source_cache(self, k: Tensor, v: Tensor, padding: Padding | None) -> ScaledRecurrentCache:
        cache = self.no_sums(k.size(0), k.device)
        real = repeat(None) if padding is None else real_keys(padding).split(PIECE, 2)
        for k_c, v_c, real_c in zip(k.split(PIECE, 2), v.split(PIECE, 2), real, strict=False):
            exponents = self.key_exponents(k_c, real_c)
            cache.raise_peak(torch.maximum(cache.peak, exponents.detach().amax(2)))
            cache.add(exponents.sub_(cache.peak[:, :, None]).exp_(), with_ones(v_c))
        return cache

    def step(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        cache: AttentionCache,
        *,
        bias: LogitBias | None = None,
    ) -> Tensor:
        ensure_no_bias(bias, "performer")
        assert isinstance(cache, ScaledRecurrentCache)
        return self.attend_causal(q, k, v, cache).context

    def read_source(self, q: Tensor, cache: AttentionCache) -> Tensor:
        assert isinstance(cache, ScaledRecurrentCache)
        return merge_groups(cache.read_separately(self.query_features(q, cache)))

    def no_sums(self, batch_size: int, device: torch.device) -> ScaledRecurrentCache:
        """Sums over no keys."""
        sizes = (batch_size, self.num_kv_heads, self.config.num_features, self.head_dim)
        return ScaledRecurrentCache(*sizes, device=device)

    def attend(self, q: Tensor, cache: ScaledRecurrentCache) -> Tensor:
        """Context (B, H, T, K) of queries that read every key of the cache."""
        contexts = [cache.read(self.query_features(q_c, cache)) for q_c in q.split(PIECE, 2)]
        return merge_groups(torch.cat(contexts, dim=-2))

    def attend_causal(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        cache: ScaledRecurrentCache,
        *,
        need_weights: bool = False,
    ) -> AttentionOutput:
        """Context (B, H, T, K) of queries that read keys up to their position, which are cached.

        Queries read earlier chunks through the sums and their own chunk directly.
        """
        contexts, scores = [], []
        q, k = self.query_exponents(q), self.key_exponents(k, None)
        chunks = chunks_of(k.detach(), cache.peak)
        sizes = [size for size, _, _ in chunks]
        start = 0
        parts = (x.split(sizes, -2) for x in (q, k, with_ones(v)))
        for (size, first, last), q_c, k_c, v_c in zip(chunks, *parts, strict=True):
            cache.raise_peak(last)
            phi_q, phi_k = chunk_features(q_c, k_c, first, last)
            inside = kernel_scores(phi_q, phi_k).tril()
            contexts.append(cache.read(phi_q, plus=inside @ v_c[:, :, None]))
            cache.add(phi_k, v_c)
            if need_weights:
                before = kernel_scores(phi_q, (k[:, :, :start] - last[:, :, None]).exp())
                up_to_chunk = torch.cat([before, inside], dim=-1)
                scores.append(F.pad(up_to_chunk, (0, k.size(2) - start - size)))
            start += size
        weights = kernel_weights(torch.cat(scores, dim=-2)) if need_weights else None
        return AttentionOutput(merge_groups(torch.cat(contexts, dim=-2)), weights)

    def query_features(self, q: Tensor, cache: ScaledRecurrentCache) -> Tensor:
        """exp(w . q + the cache's peak) (B, G, H/G, T, F), up to a factor per query."""
        exponents = self.query_exponents(q).add_(cache.peak[:, :, None, None])
        return exponents.sub_(exponents.detach().amax(-1, keepdim=True)).exp_()

    def query_exponents(self, q: Tensor) -> Tensor:
        """w . q (B, G, H/G, T, F); |q|^2 / 2 is equal for all features of a query and cancels."""
        q = group_queries(q.float(), self.num_kv_heads) * self.head_dim**-0.25
        return q @ self.projection[:, None].mT

    def key_exponents(self, k: Tensor, real: Tensor | None) -> Tensor:
        """w . k - |k|^2 / 2 (B, G, S, F), minus infinity where `real` (B, 1, S, 1) is False."""
        k = k.float() * self.head_dim**-0.25
        exponents = (k @ self.projection.mT).sub_(k.square().sum(-1, keepdim=True) / 2)
        return exponents if real is None else exponents.masked_fill_(~real, float("-inf"))


def directions(num_features: int, head_dim: int, generator: torch.Generator) -> Tensor:
    """(F, K): orthogonal in blocks of K, uniform in direction, with lengths of Gaussian vectors."""
    blocks = []
    for _ in range(0, num_features, head_dim):
        gaussian = torch.randn(head_dim, head_dim, dtype=torch.float64, generator=generator)
        q, r = torch.linalg.qr(gaussian)
        # Without the signs the directions would not be uniform.
        blocks.append((q * r.diagonal().sign()).mT)
    gaussian = torch.randn(num_features, head_dim, dtype=torch.float64, generator=generator)
    lengths = gaussian.norm(dim=-1, keepdim=True)
    return torch.cat(blocks)[:num_features].mul(lengths).float()


def chunk_features(q: Tensor, k: Tensor, first: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
    """phi(q) and phi(k) of a chunk with peaks (B, G, F) at its first and last position."""
    largest = (q.detach() + first[:, :, None, None]).amax(-1, keepdim=True)
    return (q + last[:, :, None, None] - largest).exp(), (k - last[:, :, None]).exp()


def chunks_of(k: Tensor, peak: Tensor) -> list[tuple[int, Tensor, Tensor]]:
    """Sizes of chunks, each with the peak (B, G, F) at its first and at its last position.

    A query is scaled by the peak at its chunk's first position, which it reads, and a key by the
    one at the last. Where the peak rises too far in between for float32, the chunk is halved; a
    single position is always exact.

    Args:
        k: exponents of the keys (B, G, S, F).
        peak: before the first of them.
    """
    chunks = []
    start, ends = 0, [*range(CAUSAL_CHUNK, k.size(2), CAUSAL_CHUNK), k.size(2)]
    while ends:
        first, last = (
            torch.maximum(peak, k[:, :, start:end].amax(2)) for end in (start + 1, ends[0])
        )
        size = ends[0] - start
        if size > 1 and k.numel() > 0 and float((last - first).amax()) > MAX_RISE:
            ends.insert(0, start + size // 2)
            continue
        chunks.append((size, first, last))
        start, peak = ends.pop(0), last
    return chunks
