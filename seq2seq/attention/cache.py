"""Caches of keys and values: of the target so far, and of a source."""

import torch
from torch import Tensor

from seq2seq.attention.base import AttentionCache
from seq2seq.padding import Padding

MIN_ROOM = 16  # positions allocated first; the number doubles as they fill


class KeyValueCache(AttentionCache):
    """Keys and values (rows, G, length, K) of the target so far.

    Memory grows by doubling, up to the capacity. The dtype is that of the appended tensors, which
    under autocast is not that of any parameter.
    """

    def __init__(
        self,
        batch_size: int,
        num_kv_heads: int,
        head_dim: int,
        *,
        capacity: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.capacity = capacity
        self.length = 0
        shape = (batch_size, num_kv_heads, 0, head_dim)
        self._k = self._v = torch.empty(shape, dtype=dtype, device=device)

    @property
    def rows(self) -> int:
        return self._k.size(0)

    @property
    def k(self) -> Tensor:
        """(rows, G, length, K)."""
        return self._k[:, :, : self.length]

    @property
    def v(self) -> Tensor:
        """(rows, G, length, K)."""
        return self._v[:, :, : self.length]

    def append(self, k: Tensor, v: Tensor) -> None:
        """Append T positions (rows, G, T, K)."""
        end = self.length + k.size(2)
        assert end <= self.capacity, f"a cache for {self.capacity} positions cannot hold {end}"
        allocated = self._k.size(2)
        if end > allocated:
            allocated = min(max(end, 2 * allocated, MIN_ROOM), self.capacity)
            self._k, self._v = (
                self._grown(self._k, allocated, k.dtype),
                self._grown(self._v, allocated, v.dtype),
            )
        self._k[:, :, self.length : end] = k
        self._v[:, :, self.length : end] = v
        self.length = end

    def _grown(self, old: Tensor, allocated: int, dtype: torch.dtype) -> Tensor:
        new = old.new_empty(old.size(0), old.size(1), allocated, old.size(3), dtype=dtype)
        new[:, :, : self.length] = old[:, :, : self.length]
        return new

    def reorder(self, rows: Tensor) -> None:
        if rows.numel() == self.rows:
            self._k[:, :, : self.length] = self.k[rows]
            self._v[:, :, : self.length] = self.v[rows]
        else:
            self._k, self._v = self._k[rows], self._v[rows]

    def nbytes(self) -> int:
        return self.k.nbytes + self.v.nbytes


class SourceCache(AttentionCache):
    """Keys and values (sentences, G, S, K) of a source, with its padding: one row per sentence."""

    def __init__(self, k: Tensor, v: Tensor, padding: Padding | None) -> None:
        self.k, self.v, self.padding = k, v, padding
        self.length = k.size(2)

    @property
    def rows(self) -> int:
        return self.k.size(0)

    def reorder(self, rows: Tensor) -> None:
        """Keep sentences `rows`."""
        self.k, self.v = self.k[rows], self.v[rows]
        if self.padding is not None:
            self.padding = self.padding.select(rows)

    def nbytes(self) -> int:
        return self.k.nbytes + self.v.nbytes


def causal_mask(queries: int, seen: int, device: torch.device) -> Tensor | None:
    """(T, seen + T) boolean, True where the next T queries may read; None for a single query."""
    if queries == 1:
        return None
    return torch.ones(queries, seen + queries, dtype=torch.bool, device=device).tril(seen)
