"""Rotary positions: queries and keys are turned by an angle proportional to their position."""

import torch
from torch import Tensor

from seq2seq.position.base import Rotation
from seq2seq.position.config import RopeConfig


class Rotary(Rotation):
    """Turns dimension pairs (2i, 2i+1) at position p by the angle p base^(-2i/K).

    The dot product of a query and a key then depends on the difference of their positions.

    Source: Su et al. 2021, "RoFormer" (arXiv:2104.09864), section 3.2.2, equation 34. No
    parameters.
    """

    frequencies: Tensor

    def __init__(self, config: RopeConfig, *, head_dim: int) -> None:
        super().__init__()
        assert head_dim % 2 == 0, "rotary positions turn pairs of dimensions"
        exponents = torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim
        self.register_buffer("frequencies", config.base**-exponents, persistent=False)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        angles = positions[:, None].float() * self.frequencies
        cos, sin = angles.cos(), angles.sin()
        # (B, H, T, K) -> (B, H, T, K/2, 2)
        even, odd = x.float().unflatten(-1, (-1, 2)).unbind(-1)
        turned = torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1)
        return turned.flatten(-2).to(x.dtype)
