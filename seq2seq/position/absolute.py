"""Positions added to the embeddings: integers (T,) to (T, D)."""

import math

import torch
from torch import Tensor, nn

from seq2seq.position.config import LearnedConfig, SinusoidalConfig


class Sinusoidal(nn.Module):
    """PE(p, 2i) = sin(p / 10000^(2i/D)), PE(p, 2i+1) = cos of the same.

    Source: Vaswani et al. 2017 (arXiv:1706.03762), section 3.5. Defined for every position, so
    there is no maximum length.
    """

    frequencies: Tensor

    def __init__(self, config: SinusoidalConfig, *, d_model: int, max_length: int) -> None:
        super().__init__()
        exponents = torch.arange(0, d_model, 2, dtype=torch.float32) / d_model
        self.register_buffer(
            "frequencies", torch.exp(-math.log(10_000.0) * exponents), persistent=False
        )
        self.d_model = d_model

    def forward(self, positions: Tensor) -> Tensor:
        angles = positions[:, None].float() * self.frequencies
        # (T, D/2, 2) -> (T, D): sine and cosine of a frequency are neighbours
        return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, : self.d_model]


class Learned(nn.Module):
    """One trained vector for each of the first max_length positions.

    Source: Gehring et al. 2017, "Convolutional Sequence to Sequence Learning" (arXiv:1705.03122),
    section 3.1.
    """

    def __init__(self, config: LearnedConfig, *, d_model: int, max_length: int) -> None:
        super().__init__()
        self.table = nn.Embedding(max_length, d_model)
        nn.init.normal_(self.table.weight, std=d_model**-0.5)

    def forward(self, positions: Tensor) -> Tensor:
        table: Tensor = self.table(positions)
        return table
