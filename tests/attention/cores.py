"""Cores with the sizes of tests."""

from typing import Any

from seq2seq.attention.base import build_core
from seq2seq.attention.config import AttentionConfig, AttentionContext, Role


def core_of(
    config: AttentionConfig,
    role: Role,
    *,
    num_heads: int = 4,
    head_dim: int = 8,
    max_length: int = 64,
    layer: int = 0,
    seed: int = 0,
) -> Any:
    """The core of a mechanism in evaluation mode."""
    context = AttentionContext(
        role=role,
        num_heads=num_heads,
        head_dim=head_dim,
        max_length=max_length,
        layer=layer,
        seed=seed,
    )
    return build_core(config, context).eval()
