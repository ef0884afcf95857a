"""Ragged batches of random heads for a core, and comparison of tensors."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from seq2seq.attention.base import AttentionCore, AttentionOutput
from seq2seq.attention.contract.cases import NUM_HEADS, Case
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias

RAGGED = [150, 63, 0, 2, 1]  # longer than the blocks and chunks that mechanisms work in
OUTPUTS, GRADIENTS = 2e-5, 2e-4  # tolerances relative to the largest number
CPU = torch.device("cpu")


class ContractViolation(AssertionError):
    """A mechanism breaks a clause of the contract."""


@dataclass
class HeadBatch:
    """q (B, H, T, K), k and v (B, G, S, K), and the padding of the keys.

    Those of a mechanism with `widths` of its own have these in place of K.
    """

    q: Tensor
    k: Tensor
    v: Tensor
    padding: Padding

    @classmethod
    def of(cls, case: Case, lengths: list[int], *, seed: int = 0) -> "HeadBatch":
        """Random numbers, in padding too. Cross-attention has five queries, else one per key."""
        width = max(lengths)
        queries = 5 if case.cross else width
        generator = torch.Generator().manual_seed(seed)
        widths = case.widths
        sizes = (
            (NUM_HEADS, queries, widths.query),
            (case.num_kv_heads, width, widths.key),
            (case.num_kv_heads, width, widths.value),
        )
        q, k, v = (torch.randn(len(lengths), *size, generator=generator) for size in sizes)
        return cls(q, k, v, Padding(torch.tensor(lengths), width))

    def real_queries(self, case: Case) -> Tensor:
        """(B, 1, T, 1), True where a query is no padding: everywhere in cross-attention."""
        if case.cross:
            return torch.ones(self.q.size(0), 1, self.q.size(2), 1, dtype=torch.bool)
        return self.padding.valid()[:, None, :, None]

    def leaves(self) -> list[Tensor]:
        """q, k and v, recording gradients."""
        return [x.requires_grad_() for x in (self.q, self.k, self.v)]

    def attend(
        self, core: AttentionCore[Any], bias: LogitBias | None, *, need_weights: bool = False
    ) -> AttentionOutput:
        """The output of a core for the batch."""
        output: AttentionOutput = core(
            self.q, self.k, self.v, padding=self.padding, bias=bias, need_weights=need_weights
        )
        return output

    def part(self, start: int, end: int) -> tuple[Tensor, Tensor, Tensor]:
        """q, k and v at the positions from start to end."""
        return self.q[:, :, start:end], self.k[:, :, start:end], self.v[:, :, start:end]


def ensure(condition: object, message: str) -> None:
    """Raise ContractViolation unless a condition holds."""
    if not condition:
        raise ContractViolation(message)


def ensure_near(actual: Tensor, expected: Tensor, tolerance: float, name: str) -> None:
    """Raise ContractViolation unless tensors agree.

    Args:
        tolerance: of the largest difference, relative to the largest expected number, or to one.
        name: of the tensor, in the message.
    """
    shapes = tuple(actual.shape), tuple(expected.shape)
    ensure(shapes[0] == shapes[1], f"{name}: shape {shapes[0]}, not {shapes[1]}")
    if expected.numel() == 0:
        return
    actual, expected = actual.detach().double(), expected.detach().double()
    error = float((actual - expected).abs().amax())
    allowed = tolerance * max(1.0, float(expected.abs().amax()))
    ensure(error <= allowed, f"{name}: off by {error:.2e}, allowed {allowed:.2e}")


def ensure_all_finite(tensor: Tensor, name: str) -> None:
    """Raise ContractViolation if a number is infinite or NaN."""
    ensure(tensor.isfinite().all(), f"{name}: holds infinite numbers or NaN")
