"""Caches of keys and values: of the target so far, and of a source."""

from typing import ClassVar

import torch
from torch import Tensor

from seq2seq.attention.base import AttentionCache
from seq2seq.padding import Padding

ROOM = 8  # positions allocated at least at a time


class GrowingCache(AttentionCache):
    """Tensors (rows, G, length, K) of the target so far, of one kind or of several.

    Memory grows by a quarter, up to the capacity: beam search copies all of it at every step. All
    kinds lie in one tensor, so that this is one copy. The dtype is that of the appended tensors,
    which under autocast is not that of any parameter.
    """

    kinds: ClassVar[int]

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
        shape = (batch_size, self.kinds, num_kv_heads, 0, head_dim)
        self._hold(torch.empty(shape, dtype=dtype, device=device))

    def _hold(self, together: Tensor) -> None:
        """together: (rows, kinds, G, allocated, K)."""
        self._together = together
        # Not by `unbind`, whose views autograd lets nobody write into.
        self._each = [together.select(1, kind) for kind in range(self.kinds)]

    @property
    def rows(self) -> int:
        return self._together.size(0)

    def _read(self, kind: int) -> Tensor:
        """(rows, G, length, K)."""
        return self._each[kind].narrow(2, 0, self.length)

    def _extend(self, *added: Tensor) -> None:
        """Append T positions (rows, G, T, K) of each kind."""
        end = self.length + added[0].size(2)
        assert end <= self.capacity, f"a cache for {self.capacity} positions cannot hold {end}"
        allocated = self._together.size(3)
        if end > allocated:
            room = allocated + max(allocated // 4, self.room)
            self._hold(self._grown(min(max(end, room), self.capacity), added[0].dtype))
        for held, further in zip(self._each, added, strict=True):
            held.narrow(2, self.length, further.size(2)).copy_(further)
        self.length = end

    def _grown(self, allocated: int, dtype: torch.dtype) -> Tensor:
        """All kinds with room for `allocated` positions."""
        old = self._together
        new = old.new_empty(*old.shape[:3], allocated, old.size(4), dtype=dtype)
        new[:, :, :, : self.length] = old[:, :, :, : self.length]
        return new

    def reorder(self, rows: Tensor) -> None:
        self._hold(self._together.index_select(0, rows))

    def nbytes(self) -> int:
        return sum(self._read(kind).nbytes for kind in range(self.kinds))


class KeyValueCache(GrowingCache):
    """Keys and values (rows, G, length, K)."""

    kinds: ClassVar[int] = 2

    @property
    def k(self) -> Tensor:
        """(rows, G, length, K)."""
        return self._read(0)

    @property
    def v(self) -> Tensor:
        """(rows, G, length, K)."""
        return self._read(1)

    def append(self, k: Tensor, v: Tensor) -> None:
        """Append T positions (rows, G, T, K)."""
        self._extend(k, v)


class ValueCache(GrowingCache):
    """Values (rows, G, length, K) without keys, where weights depend on positions alone."""

    kinds: ClassVar[int] = 1

    @property
    def v(self) -> Tensor:
        """(rows, G, length, K)."""
        return self._read(0)

    def append(self, v: Tensor) -> None:
        """Append T positions (rows, G, T, K)."""
        self._extend(v)


class SourceCache(AttentionCache):
    """Keys and values (sentences, G, S, K) of a source, with its padding: one row per sentence."""

    def __init__(self, k: Tensor, v: Tensor, padding: Padding | None) -> None:
        # Contiguous as `reorder` leaves them: products of other strides round differently.
        self.k, self.v, self.padding = k.contiguous(), v.contiguous(), padding
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
