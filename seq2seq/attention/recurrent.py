"""Kernel attention of `linear` and `performer`: sums over keys, their caches, and kernel scores.

With features phi >= 0, context_i = phi(q_i) M / (phi(q_i) . n) where M = sum_j phi(k_j) v_j^T and
n = sum_j phi(k_j).

Shapes: F features of a key; queries are grouped by the key/value head that they share,
(B, G, H/G, T, F).
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from seq2seq.attention.base import AttentionCache
from seq2seq.padding import Padding

CAUSAL_CHUNK = 128  # causal queries that read each other directly


class RecurrentCache(AttentionCache):
    """Sums (rows, G, F, K + 1) of phi(k) [v, 1]^T over the keys: M, and n as the last column.

    Their size does not depend on the length. They are in float32: in bfloat16 a sum of ones stops
    at 256.
    """

    def __init__(
        self,
        batch_size: int,
        num_kv_heads: int,
        num_features: int,
        head_dim: int,
        *,
        device: torch.device,
    ) -> None:
        self.length = 0
        shape = (batch_size, num_kv_heads, num_features, head_dim + 1)
        self.sums = torch.zeros(shape, dtype=torch.float32, device=device)

    @property
    def rows(self) -> int:
        return self.sums.size(0)

    def add(self, k: Tensor, v: Tensor) -> None:
        """Add T positions: phi(k) (rows, G, T, F), zero for padding, and v `with_ones`."""
        self.sums = self.sums + k.mT @ v
        self.length += k.size(-2)

    def read(self, q: Tensor, *, plus: Tensor | float = 0.0) -> Tensor:
        """Context (rows, G, H/G, T, K) of features of queries.

        A query with nothing to read has a normaliser of zero and gets zeros, with finite gradients.

        Args:
            plus: further sums (rows, G, H/G, T, K + 1), added before the division.
        """
        total = product(q, self.sums[:, :, None]) + plus
        norm = total[..., -1:]
        return total[..., :-1] / norm.masked_fill(norm == 0, 1)

    def read_separately(self, q: Tensor) -> Tensor:
        """`read`, query by query: bits of a beam do not depend on the number of beams."""
        return torch.cat([self.read(query) for query in q.split(1, -2)], dim=-2)

    def reorder(self, rows: Tensor) -> None:
        self.sums = self.sums.index_select(0, rows)

    def nbytes(self) -> int:
        return self.sums.nbytes


def product(q: Tensor, sums: Tensor) -> Tensor:
    """q @ sums; for a single query batch-invariant, by an explicit sum.

    On some processors BLAS rounds the products of one-row matrices differently within a batch, and
    a translation must not depend on the composition of its batch.
    """
    return q @ sums if q.size(-2) > 1 else (q.mT * sums).sum(-2, keepdim=True)


class ScaledRecurrentCache(RecurrentCache):
    """Sums of exponentials times exp(-peak), where `peak` (rows, G, F) is the largest exponent.

    The peak is taken over the keys that were added, so it knows neither padding nor the future. It
    cancels in a read whose queries carry exp(+peak). No exponential exceeds one, and n is at least
    one for every feature.
    """

    def __init__(
        self,
        batch_size: int,
        num_kv_heads: int,
        num_features: int,
        head_dim: int,
        *,
        device: torch.device,
    ) -> None:
        super().__init__(batch_size, num_kv_heads, num_features, head_dim, device=device)
        self.peak = self.sums.new_full(self.sums.shape[:-1], NO_PEAK)

    def raise_peak(self, peak: Tensor) -> None:
        """Rescale the sums to a peak that is at least as large."""
        self.sums = self.sums * (self.peak - peak).exp()[..., None]
        self.peak = peak

    def reorder(self, rows: Tensor) -> None:
        super().reorder(rows)
        self.peak = self.peak.index_select(0, rows)

    def nbytes(self) -> int:
        return super().nbytes() + self.peak.nbytes


NO_PEAK = -1e30  # before any key: below every exponent, and finite so that differences are


def with_ones(v: Tensor) -> Tensor:
    """[v, 1] (B, G, S, K + 1) in float32: their sum contains the normaliser."""
    return F.pad(v.float(), (0, 1), value=1.0)


def group_queries(q: Tensor, num_kv_heads: int) -> Tensor:
    """(B, H, T, K) -> (B, G, H/G, T, K)."""
    grouped: Tensor = q.unflatten(1, (num_kv_heads, -1))
    return grouped


def merge_groups(x: Tensor) -> Tensor:
    """(B, G, H/G, ...) -> (B, H, ...)."""
    return x.flatten(1, 2)


def real_keys(padding: Padding) -> Tensor:
    """(B, 1, S, 1) boolean, True where a key is no padding."""
    return padding.valid()[:, None, :, None]


def kernel_scores(q: Tensor, k: Tensor) -> Tensor:
    """phi(q) . phi(k) (B, G, H/G, T, S) of phi(q) (B, G, H/G, T, F) and phi(k) (B, G, S, F)."""
    return q @ k[:, :, None].mT


def kernel_weights(scores: Tensor) -> Tensor:
    """Weights (B, H, T, S) of grouped scores: rows sum to one, or to zero with nothing to read."""
    total = scores.sum(-1, keepdim=True)
    return merge_groups(scores / total.masked_fill(total == 0, 1))
