"""The cache of mechanisms whose weights depend on positions alone: values without keys."""

import torch
from torch import Tensor

from seq2seq.attention.base import AttentionCache
from seq2seq.attention.cache import ROOM


class ValueCache(AttentionCache):
    """Values (rows, G, length, K) of the target so far, allocated as in `KeyValueCache`."""

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
        self._allocated = torch.empty(shape, dtype=dtype, device=device)

    @property
    def rows(self) -> int:
        return self._allocated.size(0)

    @property
    def v(self) -> Tensor:
        """(rows, G, length, K)."""
        return self._allocated.narrow(2, 0, self.length)

    def append(self, v: Tensor) -> None:
        """Append T positions (rows, G, T, K)."""
        end = self.length + v.size(2)
        assert end <= self.capacity, f"a cache for {self.capacity} positions cannot hold {end}"
        allocated = self._allocated.size(2)
        if end > allocated:
            room = min(max(end, allocated + max(allocated // 4, ROOM)), self.capacity)
            grown = v.new_empty(*v.shape[:2], room, v.size(3))
            grown[:, :, : self.length] = self.v
            self._allocated = grown
        self._allocated[:, :, self.length : end] = v
        self.length = end

    def reorder(self, rows: Tensor) -> None:
        self._allocated = self._allocated.index_select(0, rows)

    def nbytes(self) -> int:
        return self.v.nbytes
