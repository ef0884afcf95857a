"""Softmax attention with more than products in its logits: options and abilities. No torch."""

from dataclasses import dataclass
from typing import ClassVar

from seq2seq.attention.catalogue import CORES
from seq2seq.attention.config import MECHANISMS, AttentionConfig, HeadWidths, Role


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
