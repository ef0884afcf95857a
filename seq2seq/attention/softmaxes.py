"""Softmax attention with more than products in its logits: options and abilities. No torch."""

from dataclasses import dataclass
from typing import ClassVar

from seq2seq.attention.catalogue import CORES
from seq2seq.attention.config import (
    MECHANISMS,
    AttentionConfig,
    AttentionContext,
    HeadWidths,
    Role,
    WeightKind,
)
from seq2seq.options import number


@MECHANISMS.register
@dataclass
class ForgettingConfig(AttentionConfig):
    """Full attention whose logits fade by a gate of each position (Lin et al. 2025)."""

    name: str = "forgetting"

    core: ClassVar[str] = f"{CORES}.forgetting.ForgettingCore"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.CAUSAL})
    has_products: ClassVar[bool] = True
    state: ClassVar[str] = "keys with their decay, and values"

    def widths(self, context: AttentionContext) -> HeadWidths:
        head_dim = context.head_dim
        return HeadWidths(head_dim, head_dim + 1, head_dim)


@MECHANISMS.register
@dataclass
class DifferentialConfig(AttentionConfig):
    """One softmax less a learned share of another (Ye et al. 2025).

    Attributes:
        version: 1 reads with halves of queries and keys and has one share for a layer; 2 reads with
            two whole queries and has a share for each query and head (Ye et al. 2026).
    """

    name: str = "differential"
    version: int = number(1, at_least=1, at_most=2)

    core: ClassVar[str] = f"{CORES}.differential.DifferentialCore"
    has_logits: ClassVar[bool] = False
    weights: ClassVar[WeightKind] = WeightKind.signed
    drops_weights: ClassVar[bool] = False

    def widths(self, context: AttentionContext) -> HeadWidths:
        if self.version == 1:
            return super().widths(context)
        head_dim = context.head_dim
        return HeadWidths(2 * head_dim + 1, head_dim, head_dim, query_vectors=2)


@MECHANISMS.register
@dataclass
class LatentConfig(AttentionConfig):
    """Keys and values of all heads from one small vector of each position (DeepSeek-AI 2024).

    Attributes:
        latent_dim: numbers of that vector.
    """

    name: str = "latent"
    num_kv_heads: int | None = number(1, at_least=1)
    latent_dim: int = number(64, at_least=1)

    core: ClassVar[str] = f"{CORES}.latent.LatentCore"
    has_softmax: ClassVar[bool] = True
    forms_rows: ClassVar[bool] = True
    state: ClassVar[str] = "latent_dim numbers for num_kv_heads, and head_dim more with rope"

    def widths(self, context: AttentionContext) -> HeadWidths:
        turned = context.head_dim if context.rotary else 0
        return HeadWidths(turned + context.head_dim, turned + self.latent_dim, 0)


@MECHANISMS.register
@dataclass
class HierarchicalConfig(AttentionConfig):
    """Words within segments, and segments within the sequence (Yang et al. 2016 for the idea).

    Attributes:
        segment_length: positions of a segment.
    """

    name: str = "hierarchical"
    segment_length: int = number(8, at_least=1)

    core: ClassVar[str] = f"{CORES}.hierarchical.HierarchicalCore"
    has_products: ClassVar[bool] = True

    def widths(self, context: AttentionContext) -> HeadWidths:
        head_dim = context.head_dim
        return HeadWidths(2 * head_dim, head_dim, head_dim, query_vectors=2)
