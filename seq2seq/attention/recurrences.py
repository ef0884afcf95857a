"""Recurrences, which keep a matrix of fixed size: their options and abilities. No torch."""

from dataclasses import dataclass
from typing import ClassVar

from seq2seq.attention.catalogue import CORES
from seq2seq.attention.config import (
    MECHANISMS,
    SELF_ROLES,
    AttentionConfig,
    AttentionContext,
    HeadWidths,
    Role,
    WeightKind,
)


@dataclass
class RecurrenceConfig(AttentionConfig):
    """What all recurrences have in common."""

    roles: ClassVar[frozenset[Role]] = SELF_ROLES
    has_logits: ClassVar[bool] = False
    rotary: ClassVar[bool] = False
    weights: ClassVar[WeightKind] = WeightKind.signed
    drops_weights: ClassVar[bool] = False
    cost: ClassVar[str] = "N"
    state: ClassVar[str] = "constant: a matrix of head_dim by head_dim for each key/value head"


@MECHANISMS.register
@dataclass
class RetentionConfig(RecurrenceConfig):
    """Products of queries and keys that fade with the distance, by head (Sun et al. 2023)."""

    name: str = "retention"

    core: ClassVar[str] = f"{CORES}.retention.RetentionCore"
    rotary: ClassVar[bool] = True


@MECHANISMS.register
@dataclass
class GlaConfig(RecurrenceConfig):
    """Gated linear attention: each dimension fades as its input says (Yang et al. 2024)."""

    name: str = "gla"

    core: ClassVar[str] = f"{CORES}.gla.GlaCore"

    def widths(self, context: AttentionContext) -> HeadWidths:
        head_dim = context.head_dim
        return HeadWidths(head_dim, 2 * head_dim, head_dim)


@MECHANISMS.register
@dataclass
class GatedDeltaConfig(RecurrenceConfig):
    """A memory that fades, in which a new value replaces the one of its key (Yang et al. 2025).

    Attributes:
        kda: each dimension of the keys fades at its own pace (Kimi Team 2025).
    """

    name: str = "gated_delta"
    kda: bool = False

    core: ClassVar[str] = f"{CORES}.gated_delta.GatedDeltaCore"

    def widths(self, context: AttentionContext) -> HeadWidths:
        head_dim = context.head_dim
        return HeadWidths(head_dim, head_dim + 1 + (head_dim if self.kda else 1), head_dim)
