"""What every attention mechanism promises: `AttentionCore` computes, `AttentionCache` remembers.

Legend for the whole package: B batch, T queries, S keys, D d_model, H query heads, G key/value heads, K head_dim.
Query head h reads key/value head h // (H / G).
"""

from abc import ABC, abstractmethod
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from seq2seq.attention.config import AttentionConfig, AttentionContext
from seq2seq.errors import ConfigError
from seq2seq.padding import Padding
from seq2seq.position.logit_bias import LogitBias


class AttentionOutput(NamedTuple):
    """Context (B, H, T, K) of a core or (B, T, D) of `MultiHeadAttention`, and weights (B, H, T, S) where asked for."""

    context: Tensor
    weights: Tensor | None


class AttentionCache(ABC):
    """What a mechanism remembers between decoding steps. Owned by the caller, never stored on a module."""

    length: int  # positions seen

    @property
    @abstractmethod
    def rows(self) -> int:
        """Sequences (self-attention) or sentences (cross-attention) held."""

    @abstractmethod
    def reorder(self, rows: Tensor) -> None:
        """Let new row i continue old row rows[i]; the number of rows may change. rows: (new rows,) int64."""

    @abstractmethod
    def nbytes(self) -> int:
        """Bytes needed to remember what has been seen."""


ConfigT = TypeVar("ConfigT", bound=AttentionConfig)


class AttentionCore(nn.Module, ABC, Generic[ConfigT]):
    """How queries read keys and values, and nothing else: projections, heads and positions are its owner's.

    Five clauses bind every core, and tests/attention/test_contract.py holds each to them: padding cannot be seen; in
    CAUSAL the future cannot be seen; any split into steps equals the whole; exported weights are what they claim to be;
    a real query with nothing to read returns zeros, with finite gradients.
    """

    def __init__(self, config: ConfigT, context: AttentionContext) -> None:
        super().__init__()
        if context.role not in config.roles:
            raise ConfigError(f"{config.name} cannot serve as {context.role.value}")
        self.config = config
        self.role = context.role
        self.num_heads, self.head_dim = context.num_heads, context.head_dim
        self.num_kv_heads = config.num_kv_heads or context.num_heads

    def begin_step(self, step: int) -> None:
        """Called before each optimizer step of training with its number; for what is redrawn over time."""

    def compute_dtype(self, x: Tensor) -> torch.dtype:
        """The dtype to hand q, k and v over in: float32 on CPU, where lower precision makes attention slower."""
        return torch.float32 if x.device.type == "cpu" and x.dtype == torch.bfloat16 else x.dtype

    @abstractmethod
    def forward(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        *,
        padding: Padding | None = None,
        bias: LogitBias | None = None,
        need_weights: bool = False,
    ) -> AttentionOutput:
        """Attend over whole sequences.

        Args:
            q: (B, H, T, K). k, v: (B, G, S, K), where G divides H.
            padding: of the key side.
            bias: added to the logits as a function of query and key positions.
            need_weights: also return weights (B, H, T, S), taken before attention dropout and carrying gradient.

        Raises:
            ConfigError: something was asked for that the mechanism does not have.
        """

    def empty_cache(
        self, batch_size: int, *, capacity: int, dtype: torch.dtype, device: torch.device
    ) -> AttentionCache:
        """CAUSAL: a cache of no positions with room for `capacity`.

        Args:
            dtype: of the keys and values, as far as it is known before the first of them.
        """
        raise NotImplementedError(f"{type(self).__name__} does not decode")

    def step(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        cache: AttentionCache,
        *,
        bias: LogitBias | None = None,
    ) -> Tensor:
        """CAUSAL: context (B, H, T, K) of the next T positions, whose k and v enter the cache."""
        raise NotImplementedError(f"{type(self).__name__} does not decode")

    def source_cache(self, k: Tensor, v: Tensor, padding: Padding | None) -> AttentionCache:
        """CROSS: a cache of the keys and values (B, G, S, K) of a source."""
        raise NotImplementedError(f"{type(self).__name__} does not read a source")

    def read_source(self, q: Tensor, cache: AttentionCache) -> Tensor:
        """CROSS: context (B, H, T, K) of queries (B, H, T, K) that read a cached source.

        Queries of a row need not belong together: they may be of several beams.
        """
        raise NotImplementedError(f"{type(self).__name__} does not read a source")


def refuse_bias(bias: LogitBias | None, name: str) -> None:
    """Raise ConfigError where a mechanism without query-key logits is given a bias."""
    if bias is not None:
        raise ConfigError(
            f"{name} forms no query-key logits, so no position bias can be added; choose another position"
        )


def causal_positions(queries: int, seen: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Positions of the next `queries` (T, 1) and of all keys up to them (1, S), S = seen + queries."""
    keys = torch.arange(seen + queries, device=device)
    return keys[seen:, None], keys[None]
