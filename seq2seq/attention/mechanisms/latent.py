"""Latent attention: keys and values of all heads are made of one small vector of each position.

    context_i = sum_j softmax_j((q_i . U_h c_j + r_i . s_j) / sqrt(2 K)) V_h c_j

where c (L numbers) is projected from the layer's input, q for each head, and the second product is
there with rotary positions only: r, for each head, and s, for all heads, are what these turn. Else
it is q_i . U_h c_j / sqrt(K). A rotation of keys could not be told apart from U_h, which is why the
paper calls it decoupled. With `num_kv_heads` above one, groups of heads share a c and an s.

Source: DeepSeek-AI 2024, "DeepSeek-V2" (arXiv:2405.04434). Its compression of queries, which saves
memory in training alone, is left out, and so is a norm of c; s is as wide as a head, where the
paper has half of it.

Training expands keys and values (the plain form). Decoding keeps [s, c] alone and moves U_h to the
query and V_h to the context (the absorbed form): q . U c = (U^T q) . c, so that all heads read the
same vectors of L numbers. Cross-attention caches c of the source.

Shapes: B batch, T queries, S keys, H query heads, G latents, K head_dim, L latent_dim.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seq2seq.attention.base import AttentionCache, AttentionOutput, causal_positions
from seq2seq.attention.cache import GrowingCache, SourceCache
from seq2seq.attention.config import AttentionContext
from seq2seq.attention.mechanisms.full import FullCore
from seq2seq.attention.patterns import not_after
from seq2seq.attention.reference import plain_weights, weighted_sum
from seq2seq.attention.softmaxes import LatentConfig
from seq2seq.attention.weighting import wide
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias


class LatentCache(GrowingCache):
    """[s, c] (rows, G, length, L), or with rotary positions K + L numbers."""

    kinds: ClassVar[int] = 1

    @property
    def latents(self) -> Tensor:
        """(rows, G, length, L or K + L)."""
        return self._read(0)

    def append(self, k: Tensor) -> None:
        """Append T positions (rows, G, T, L or K + L)."""
        self._extend(k)


class LatentCore(FullCore):
    """Holds U and V as `to_keys` and `to_values` (H, L, K).

    Queries are [r, q] (2 K) and keys [s, c] (K + L) with rotary positions, else q (K) and c (L).
    Values are not projected.
    """

    def __init__(self, config: LatentConfig, context: AttentionContext) -> None:
        super().__init__(config, context)  # type: ignore[arg-type]
        self.turned = self.head_dim if context.rotary else 0  # numbers of r and s
        latent, heads = config.latent_dim, self.num_heads
        bound = (6 / (latent + heads * self.head_dim)) ** 0.5  # Glorot, as of a layer's projections
        self.to_keys, self.to_values = (
            nn.Parameter(torch.empty(heads, latent, self.head_dim).uniform_(-bound, bound))
            for _ in range(2)
        )

    def formula(
        self, q: Tensor, k: Tensor, v: Tensor, *, may_read: Tensor, bias: Tensor | float
    ) -> AttentionOutput:
        """The plain form."""
        s, c = k[..., : self.turned], k[..., self.turned :]
        keys = torch.cat([s, c @ self.to_keys.double()], dim=-1)
        logits = q @ keys.mT / q.size(-1) ** 0.5 + bias
        weights = plain_weights(self, logits, may_read)
        return weighted_sum(weights, c @ self.to_values.double())

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
        dtype, (q, k) = q.dtype, self.computed(q, k)
        keys = self.expanded(k, self.to_keys)
        if self.turned:
            s = k[..., : self.turned].repeat_interleave(self.num_heads // k.size(1), dim=1)
            keys = torch.cat([s, keys], dim=-1)
        values = F.pad(self.values(k, v), (0, self.turned))  # fused kernels want one width
        context, weights = super().forward(
            q, keys, values, padding=padding, bias=bias, need_weights=need_weights
        )
        return AttentionOutput(context[..., : self.head_dim].to(dtype), weights)

    def computed(self, *heads: Tensor) -> tuple[Tensor, ...]:
        """In float32 where weights are formed by rows, which must not depend on rounding."""
        return tuple(map(wide, heads)) if self.weighting.by_rows else heads

    def values(self, k: Tensor, v: Tensor) -> Tensor:
        """V_h c_j (B, H, S, K)."""
        return self.expanded(k, self.to_values)

    def expanded(self, k: Tensor, matrices: Tensor) -> Tensor:
        """Latents of k (B, G, S, L or K + L) times matrices (H, L, K) of heads: (B, H, S, K)."""
        by_group = matrices.to(k.dtype).unflatten(0, (k.size(1), -1))
        products: Tensor = k[:, :, None, :, self.turned :] @ by_group
        return products.flatten(1, 2)

    def empty_cache(  # type: ignore[override]
        self, batch_size: int, *, capacity: int, dtype: torch.dtype, device: torch.device
    ) -> LatentCache:
        return LatentCache(
            batch_size,
            self.num_kv_heads,
            self.turned + self.to_keys.size(1),
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
        assert isinstance(cache, LatentCache)
        seen = cache.length
        cache.append(k)
        i, j = causal_positions(q.size(2), seen, q.device)
        may_read = not_after(i, j) if q.size(2) > 1 else None
        biases = None if bias is None else bias(i, j)[None]
        return self.absorbed(q, cache.latents, may_read=may_read, bias=biases)

    def read_source(self, q: Tensor, cache: AttentionCache) -> Tensor:
        assert isinstance(cache, SourceCache)
        real = None if cache.padding is None else cache.padding.key_mask()
        return self.absorbed(q, cache.k, may_read=real)

    def absorbed(
        self, q: Tensor, k: Tensor, *, may_read: Tensor | None, bias: Tensor | None = None
    ) -> Tensor:
        """Context (B, H, T, K) of queries (B, H, T, K or 2 K) that read latents as they are."""
        dtype, (q, k) = q.dtype, self.computed(q, k)
        r, own = q[..., : self.turned], q[..., self.turned :]
        queries = torch.cat([r, by_head(own, self.to_keys.mT)], dim=-1)
        queries = queries * (k.size(-1) / q.size(-1)) ** 0.5  # the root that kernels divide by
        # Not fused: in a width of its own, a translation could depend on its batch.
        read, _ = self.weighting.exact(queries, k, k, may_read=may_read, bias=bias)
        return by_head(read[..., self.turned :], self.to_values).to(dtype)


def by_head(x: Tensor, matrices: Tensor) -> Tensor:
    """(B, H, T, I) times matrices (H, I, O) of heads, with the rows of a batch in one product."""
    rows = x.transpose(0, 1).flatten(1, 2) @ matrices.to(x.dtype)
    by_head: Tensor = rows.unflatten(1, (x.size(0), x.size(2))).transpose(0, 1)
    return by_head
