"""Softmax attention with more than products in its logits: options and abilities. No torch."""

from dataclasses import dataclass
from typing import ClassVar

from seq2seq.attention.catalogue import CORES
from seq2seq.attention.config import (
    MECHANISMS,
    SELF_ROLES,
    AttentionConfig,
    HeadWidths,
    Role,
    WeightKind,
)


@MECHANISMS.register
@dataclass
class ForgettingConfig(AttentionConfig):
    """Full attention whose logits fade by a gate of each position (Lin et al. 2025)."""

    name: str = "forgetting"

    core: ClassVar[str] = f"{CORES}.forgetting.ForgettingCore"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.CAUSAL})
    has_products: ClassVar[bool] = True
    state: ClassVar[str] = "keys with their decay, and values"

    def widths(self, head_dim: int) -> HeadWidths:
        return HeadWidths(head_dim, head_dim + 1)


@MECHANISMS.register
@dataclass
class DifferentialConfig(AttentionConfig):
    """One softmax less a learned share of another, of halves of each head (Ye et al. 2025)."""

    name: str = "differential"

    core: ClassVar[str] = f"{CORES}.differential.DifferentialCore"
    roles: ClassVar[frozenset[Role]] = SELF_ROLES
    has_logits: ClassVar[bool] = False
    weights: ClassVar[WeightKind] = WeightKind.signed
    drops_weights: ClassVar[bool] = False
