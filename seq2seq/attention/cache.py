"""Caches of keys and values: of the target so far, and of a source."""

import torch
from torch import Tensor

from seq2seq.attention.base import AttentionCache
from seq2seq.padding import Padding

ROOM = 8  # positions allocated at least at a time


class KeyValueCache(AttentionCache):
    """Keys and values (rows, G, length, K) of the target so far.

    Memory grows by a quarter, up to the capacity: beam search copies all of it at every step. Keys
    and values lie in one tensor, so that this is one copy. The dtype is that of the appended
    tensors, which under autocast is not that of any parameter.
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
        self.capacity, self.room = capacity, ROOM
        self.length = 0
        shape = (batch_size, 2, num_kv_heads, 0, head_dim)
        self._hold(torch.empty(shape, dtype=dtype, device=device))

    def _hold(self, both: Tensor) -> None:
        """both: (rows, 2, G, allocated, K), keys and values."""
        self._both = both
        self._k, self._v = both.select(1, 0), both.select(1, 1)

    @property
    def rows(self) -> int:
        return self._both.size(0)

    @property
    def k(self) -> Tensor:
        """(rows, G, length, K)."""
        return self._k.narrow(2, 0, self.length)

    @property
    def v(self) -> Tensor:
        """(rows, G, length, K)."""
        return self._v.narrow(2, 0, self.length)

    def append(self, k: Tensor, v: Tensor) -> None:
        """Append T positions (rows, G, T, K)."""
        added = k.size(2)
        end = self.length + added
        assert end <= self.capacity, f"a cache for {self.capacity} positions cannot hold {end}"
        allocated = self._both.size(3)
        if end > allocated:
            room = allocated + max(allocated // 4, self.room)
            self._hold(self._grown(min(max(end, room), self.capacity), k.dtype))
        self._k.narrow(2, self.length, added).copy_(k)
        self._v.narrow(2, self.length, added).copy_(v)
        self.length = end

    def _grown(self, allocated: int, dtype: torch.dtype) -> Tensor:
        """Keys and values with room for `allocated` positions."""
        old = self._both
        new = old.new_empty(*old.shape[:3], allocated, old.size(4), dtype=dtype)
        new[:, :, :, : self.length] = old[:, :, :, : self.length]
        return new

    def reorder(self, rows: Tensor) -> None:
        self._hold(self._both.index_select(0, rows))

    def nbytes(self) -> int:
        return self.k.nbytes + self.v.nbytes


class SourceCache(AttentionCache):
    """Keys and values (sentences, G, S, K) of a source, with its padding: one row per sentence."""

    def __init__(self, k: Tensor, v: Tensor, padding: Padding | None) -> None:
        self.k, self.v, self.padding = k, v, padding
        self.length = k.size(2)
        self._key_bias: Tensor | None = None

    @property
    def rows(self) -> int:
        return self.k.size(0)

    def reorder(self, rows: Tensor) -> None:
        """Keep sentences `rows`."""
        self.k, self.v = self.k.index_select(0, rows), self.v.index_select(0, rows)
        if self.padding is not None:
            self.padding = self.padding.select(rows)
        self._key_bias = None

    @property
    def key_bias(self) -> Tensor | None:
        """(sentences, 1, 1, S), added to logits: 0 of real keys, -inf of padding; None without it.

        Kept from step to step: what a fused kernel makes of a boolean mask in every call.
        """
        if self._key_bias is None and self.padding is not None:
            padded = ~self.padding.key_mask()
            self._key_bias = self.k.new_zeros(padded.shape).masked_fill_(padded, float("-inf"))
        return self._key_bias

    def nbytes(self) -> int:
        return self.k.nbytes + self.v.nbytes
