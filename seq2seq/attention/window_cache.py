"""The cache of local attention: the keys and values of the last few positions."""

import torch
from torch import Tensor

from seq2seq.attention.base import AttentionCache


class WindowCache(AttentionCache):
    """Keys and values (rows, G, at most `reach`, K) that the next query can still read.

    Their dtype is that of the appended tensors, which under autocast is not that of any parameter.
    """

    def __init__(
        self,
        batch_size: int,
        num_kv_heads: int,
        head_dim: int,
        *,
        reach: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        """reach: how many positions back a query reads."""
        self.reach = reach
        self.length = 0
        shape = (batch_size, num_kv_heads, 0, head_dim)
        self.k = self.v = torch.empty(shape, dtype=dtype, device=device)

    @property
    def rows(self) -> int:
        return self.k.size(0)

    def extend(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append T positions (rows, G, T, K); returns all keys and values before any is dropped."""
        keys = torch.cat([self.k.to(k.dtype), k], 2)
        values = torch.cat([self.v.to(v.dtype), v], 2)
        self.length += k.size(2)
        self.k, self.v = keys, values
        if (dropped := keys.size(2) - self.reach) > 0:
            # Copies: a view would keep the dropped positions in memory.
            self.k, self.v = keys[:, :, dropped:].clone(), values[:, :, dropped:].clone()
        return keys, values

    def reorder(self, rows: Tensor) -> None:
        self.k, self.v = self.k.index_select(0, rows), self.v.index_select(0, rows)

    def nbytes(self) -> int:
        return self.k.nbytes + self.v.nbytes
