"""The cache of local attention: the keys and values of the first and of the last few positions."""

import torch
from torch import Tensor

from seq2seq.attention.base import AttentionCache


class WindowCache(AttentionCache):
    """Keys and values (rows, G, at most `sinks` + `reach`, K) that the next query can still read.

    Their dtype is that of the appended tensors, which under autocast is not that of any parameter.
    """

    def __init__(
        self,
        batch_size: int,
        num_kv_heads: int,
        head_dim: int,
        *,
        reach: int,
        sinks: int = 0,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        """Args: reach: how many positions back a query reads. sinks: first ones it reads, too."""
        self.reach, self.sinks = reach, sinks
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
        if keys.size(2) > self.sinks + self.reach:
            self.k, self.v = self._kept(keys), self._kept(values)
        return keys, values

    def _kept(self, x: Tensor) -> Tensor:
        """The first and the last of more positions; a copy, since a view would hold them all."""
        last = x[:, :, x.size(2) - self.reach :]
        return torch.cat([x[:, :, : self.sinks], last], 2) if self.sinks else last.clone()

    def positions(self, count: int) -> Tensor:
        """Of `count` keys that `extend` has returned (count,): some first ones, then the last."""
        j = torch.arange(count, device=self.k.device)
        return torch.where(j < self.sinks, j, j + self.length - count)

    def reorder(self, rows: Tensor) -> None:
        self.k, self.v = self.k.index_select(0, rows), self.v.index_select(0, rows)

    def nbytes(self) -> int:
        return self.k.nbytes + self.v.nbytes
