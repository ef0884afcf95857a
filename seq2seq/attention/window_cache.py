"""What local attention remembers: the keys and values of the last few positions."""

import torch
from torch import Tensor

from seq2seq.attention.base import AttentionCache


class WindowCache(AttentionCache):
    """Keys and values (rows, G, at most `reach`, K) of the last positions: those that the next query can still read.

    It holds them in the dtype of what is added, which under autocast is not that of any parameter.
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
        """Take in T more positions (rows, G, T, K). Returns keys and values of what was held and of them, in order."""
        keys = torch.cat([self.k.to(k.dtype), k], 2)
        values = torch.cat([self.v.to(v.dtype), v], 2)
        self.length += k.size(2)
        old = max(keys.size(2) - self.reach, 0)
        # Copies: a view would keep the positions alive that are forgotten here.
        self.k, self.v = keys[:, :, old:].clone(), values[:, :, old:].clone()
        return keys, values

    def reorder(self, rows: Tensor) -> None:
        self.k, self.v = self.k[rows], self.v[rows]

    def nbytes(self) -> int:
        return self.k.nbytes + self.v.nbytes
