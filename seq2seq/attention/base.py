"""The contract of attention mechanisms: `AttentionCore` computes, `AttentionCache` remembers.

Legend for the whole package: B batch, T queries, S keys, D d_model, H query heads, G key/value
heads, K head_dim. Query head h reads key/value head h // (H / G).
"""

from abc import ABC, abstractmethod
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from seq2seq.attention.config import AttentionConfig, AttentionContext, Role
from seq2seq.attention.patterns import everything, not_after
from seq2seq.attention.weighting import Weighting
from seq2seq.errors import ConfigError
from seq2seq.imports import class_named
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias


class AttentionOutput(NamedTuple):
    """Context and, where they were requested, weights (B, H, T, S).

    The context is (B, H, T, K) of a core and (B, T, D) of `MultiHeadAttention`.
    """

    context: Tensor
    weights: Tensor | None


class AttentionCache(ABC):
    """The decoding state of a mechanism. Owned by the caller, never stored on a module."""

    length: int  # positions seen

    @property
    @abstractmethod
    def rows(self) -> int:
        """Hypotheses in self-attention, sentences in cross-attention."""

    @abstractmethod
    def reorder(self, rows: Tensor) -> None:
        """Let new row i continue old row rows[i]. rows: (new rows,) int64, of any number."""

    def reorder_beams(self, rows: Tensor, sentences: Tensor | None) -> None:
        """`reorder` for the beams of sentences, which may be more than copies of rows.

        The hypotheses of a sentence lie side by side; a cache begins with one for each.

        Args:
            rows: (sentences, new hypotheses) old rows, those of each line of one sentence.
            sentences: (sentences,) which of the old ones stay; None if all do.
        """
        self.reorder(rows.flatten())

    @abstractmethod
    def nbytes(self) -> int:
        """Bytes of the state."""


ConfigT = TypeVar("ConfigT", bound=AttentionConfig)


class AttentionCore(nn.Module, ABC, Generic[ConfigT]):
    """How queries read keys and values; `MultiHeadAttention` has projections and positions.

    Five clauses bind every core, and `seq2seq.attention.contract` checks them: padding cannot be
    seen; in the role CAUSAL the future cannot be seen; any split into decoding steps equals the
    whole; exported weights are what they claim to be; a query with nothing to read returns zeros,
    with finite gradients.

    A core whose class declares that it can be modified computes its weights by `weighting`, which
    holds the parameters of the modifiers.

    Raises:
        ConfigError: the mechanism cannot serve the role.
    """

    def __init__(self, config: ConfigT, context: AttentionContext) -> None:
        super().__init__()
        if context.role not in config.roles:
            raise ConfigError(f"{config.name} cannot serve as {context.role.value}; choose another")
        self.config = config
        self.role = context.role
        self.num_heads, self.head_dim = context.num_heads, context.head_dim
        self.num_kv_heads = config.num_kv_heads or context.num_heads
        self.weighting = Weighting(config, context.num_heads)

    def begin_step(self, step: int) -> None:
        """Called before each optimizer step with its number, for parameters redrawn over time."""

    def compute_dtype(self, x: Tensor) -> torch.dtype:
        """The dtype of q, k and v: float32 on CPU, where attention in bfloat16 is slower."""
        return torch.float32 if x.device.type == "cpu" and x.dtype == torch.bfloat16 else x.dtype

    def pattern(self, i: Tensor, j: Tensor) -> Tensor:
        """Every key; in the decoder every key up to the query."""
        return everything(i, j)

    def reads(self, i: Tensor, j: Tensor) -> Tensor:
        """The pattern in the core's role: in CAUSAL without the keys after the query.

        Args:
            i, j: positions of queries and keys that broadcast to some shape (...).

        Returns:
            Boolean (...), True where the query reads the key.
        """
        grid = self.pattern(i, j)
        return grid & not_after(i, j) if self.role is Role.CAUSAL else grid

    def may_read(self, i: Tensor, j: Tensor, padding: Padding | None) -> Tensor:
        """`reads`, without the keys that are padding.

        Right padding lies after every real query, so in CAUSAL nothing has to be left out.

        Returns:
            Boolean, (T, S) or (B, 1, T, S), of positions (T, 1) and (1, S); True where the query
            reads the key.
        """
        grid = self.reads(i, j)
        if padding is None or self.role is Role.CAUSAL:
            return grid
        return grid & padding.key_mask()

    def formula(
        self, q: Tensor, k: Tensor, v: Tensor, *, may_read: Tensor, bias: Tensor | float
    ) -> AttentionOutput:
        """The plain quadratic formula, without blocks, caches and kernels: the tests' oracle.

        Args:
            q: (B, H, T, K). k, v: (B, H, S, K): one head per query head. In float64.
            may_read: boolean, broadcasts to (B, H, T, S); False for padding, too.
            bias: broadcasts to (B, H, T, S), added to the logits; 0.0 for none.
        """
        raise NotImplementedError(f"{type(self).__name__} has no formula")

    def values(self, k: Tensor, v: Tensor) -> Tensor:
        """What weights multiply (B, G, S, K), or (B, H, S, K), of keys and values (B, G, S, W)."""
        return v

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
            padding: of the keys.
            bias: added to the logits as a function of query and key positions.
            need_weights: also return weights (B, H, T, S), taken before attention dropout, with
                their gradient.

        Raises:
            ConfigError: the mechanism has no logits to add a bias to, or no weights to export.
        """

    def empty_cache(
        self, batch_size: int, *, capacity: int, dtype: torch.dtype, device: torch.device
    ) -> AttentionCache:
        """CAUSAL: a cache of no positions with room for `capacity`.

        Args:
            dtype: expected of the keys and values; that of the first ones decides.
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


def build_core(config: AttentionConfig, context: AttentionContext) -> AttentionCore[Any]:
    """The core of a mechanism; its options must have been validated.

    Raises:
        ConfigError: the mechanism cannot serve the role, or its core does not exist.
    """
    core = class_named(config, "core")(config, context)
    assert isinstance(core, AttentionCore), f"{config.name}: core must be an AttentionCore"
    return core


def ensure_no_bias(bias: LogitBias | None, name: str) -> None:
    """Raise ConfigError if a mechanism without query-key logits is given a bias."""
    if bias is not None:
        raise ConfigError(
            f"{name} forms no query-key logits, so no position bias can be added; choose another "
            "position"
        )


def causal_positions(queries: int, seen: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Positions of the next `queries` (T, 1) and of all keys up to them (1, seen + T)."""
    keys = torch.arange(seen + queries, device=device)
    return keys[seen:, None], keys[None]
