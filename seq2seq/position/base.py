"""Relative position schemes: rotations of queries and keys, and biases of their logits."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Rotation(nn.Module, ABC):
    """Turns queries and keys by an angle that depends on their position."""

    @abstractmethod
    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """x: (B, H, T, K) queries or keys at positions (T,). Returns the same shape and dtype."""


class LogitBias(nn.Module, ABC):
    """A function of query position i and key position j that each head adds to its logits."""

    @abstractmethod
    def forward(self, i: Tensor, j: Tensor) -> Tensor:
        """i, j: integers that broadcast to some shape (...). Returns (H, ...), in float32."""
