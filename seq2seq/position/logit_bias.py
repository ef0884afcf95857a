"""Positions added to query-key logits, as functions of two position tensors.

A mechanism evaluates them only where it reads: on the whole grid in full attention, on gathered
keys in sparse attention.
"""

import math

import torch
from torch import Tensor, nn

from seq2seq.position.base import LogitBias
from seq2seq.position.config import AlibiConfig, T5Config


class Alibi(LogitBias):
    """bias = -slope_h |i - j|, with slopes 2^(-8/n), 2^(-16/n), ... for n heads.

    Source: Press et al. 2022, "Train Short, Test Long" (arXiv:2108.12409), section 3. If the number
    of heads is no power of two: the slopes of the next lower power, then every second slope of the
    next higher one. The encoder reads both sides, so the distance is an absolute value. No
    parameters.
    """

    slopes: Tensor

    def __init__(self, config: AlibiConfig, *, num_heads: int, causal: bool) -> None:
        super().__init__()
        self.register_buffer("slopes", torch.tensor(alibi_slopes(num_heads)), persistent=False)

    def forward(self, i: Tensor, j: Tensor) -> Tensor:
        distance = (i - j).abs().float()
        return -self.slopes.view(-1, *[1] * distance.dim()) * distance


def alibi_slopes(num_heads: int) -> list[float]:
    """One slope per head, a geometric series from 2^(-8/n)."""
    power = 2 ** math.floor(math.log2(num_heads))
    slopes = [2 ** (-8 * (h + 1) / power) for h in range(power)]
    intermediate = [2 ** (-8 * (h + 1) / (2 * power)) for h in range(0, 2 * power, 2)]
    return slopes + intermediate[: num_heads - power]


class T5(LogitBias):
    """A trained scalar for each head and bucket of distances; the layers of a stack share a table.

    Source: Raffel et al. 2020, "Exploring the Limits of Transfer Learning" (arXiv:1910.10683),
    section 2.1. Half of the buckets hold one distance each; the other half grow logarithmically up
    to max_distance. The encoder splits the buckets between the two directions; the decoder uses all
    of them for the past.
    """

    def __init__(self, config: T5Config, *, num_heads: int, causal: bool) -> None:
        super().__init__()
        self.table = nn.Embedding(config.num_buckets, num_heads)
        nn.init.normal_(self.table.weight, std=0.02)
        self.max_distance = config.max_distance
        self.causal = causal

    def forward(self, i: Tensor, j: Tensor) -> Tensor:
        bias: Tensor = self.table(self.buckets(i - j))
        return bias.movedim(-1, 0).float()

    def buckets(self, distance: Tensor) -> Tensor:
        """Bucket of each distance i - j, positive towards the past."""
        count = self.table.num_embeddings
        if self.causal:
            return self._one_sided(distance.clamp(min=0), count)
        half = count // 2
        return self._one_sided(distance.abs(), half) + half * (distance < 0)

    def _one_sided(self, distance: Tensor, count: int) -> Tensor:
        exact = count // 2
        ratio = (distance.clamp(min=exact).float() / exact).log() / math.log(
            self.max_distance / exact
        )
        coarse = exact + (ratio * (count - exact)).long()
        return torch.where(distance < exact, distance, coarse.clamp(max=count - 1))
