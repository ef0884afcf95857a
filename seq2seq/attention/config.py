"""What can be chosen: one dataclass a mechanism, its options and what it is able to do. Imports no torch.

A configuration is checked before anything heavy is loaded, so these facts stand apart from the code that computes;
`core` names that code. Adding a mechanism is adding a dataclass here and a file in `mechanisms/`.
"""

import enum
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, cast

if TYPE_CHECKING:
    from seq2seq.attention.base import AttentionCore


class Role(enum.Enum):
    """The three places of an encoder-decoder Transformer where attention is computed."""

    ENCODER = "encoder self-attention"
    CAUSAL = "decoder causal self-attention"
    CROSS = "cross-attention"


class Weights(enum.Enum):
    """What a mechanism can say about where it looked."""

    ATTENTION = "the weights it uses"
    KERNEL = "normalised kernel scores"
    NONE = "no weight per key position"


EVERY_ROLE = frozenset(Role)
SELF_ROLES = frozenset({Role.ENCODER, Role.CAUSAL})


@dataclass(frozen=True, kw_only=True)
class AttentionContext:
    """What a core may depend on besides its options.

    Attributes:
        role: the place in the Transformer.
        num_heads, head_dim: of the queries.
        max_length: the longest sequence of keys.
        layer: index within its stack.
        seed: of the run; random projections are a function of (seed, layer, head, training step).
    """

    role: Role
    num_heads: int
    head_dim: int
    max_length: int
    layer: int = 0
    seed: int = 0


@dataclass
class AttentionConfig:
    """Options and abilities that every mechanism has.

    Attributes:
        name: the option's name in the configuration; it also finds the class again when a saved run is read.
        dropout: of attention weights, apart from the model's dropout; refused where there are no weights to drop.
        num_kv_heads: key/value heads, each shared by num_heads / num_kv_heads query heads; None: as many as num_heads.
        core: "module.Class" in `mechanisms/` that computes it.
        roles: where it may stand.
        has_logits: it forms query-key logits, so ALiBi and T5 biases can be added to them.
        rotary: rotary positions keep their meaning.
        weights: what it can export.
        drops_weights: attention dropout is possible.
        cost: how time grows with the sequence length N; memory grows with N everywhere.
        state: what decoding remembers of the target in self-attention, of the source in cross-attention.
    """

    name: str = ""
    dropout: float = 0.0
    num_kv_heads: int | None = None

    core: ClassVar[str]
    roles: ClassVar[frozenset[Role]] = EVERY_ROLE
    has_logits: ClassVar[bool] = True
    rotary: ClassVar[bool] = True
    weights: ClassVar[Weights] = Weights.ATTENTION
    drops_weights: ClassVar[bool] = True
    cost: ClassVar[str] = "N²"
    state: ClassVar[str] = "keys and values"

    def problems(self) -> list[str]:
        """What is wrong with this mechanism's own options, each as "option: what; what to choose"."""
        return []

    def build(self, context: AttentionContext) -> "AttentionCore[Any]":
        """The module that computes this mechanism; the choice must have been validated."""
        module, _, name = self.core.partition(".")
        cores = import_module(f"seq2seq.attention.mechanisms.{module}")
        return cast("AttentionCore[Any]", getattr(cores, name)(self, context))


@dataclass
class FullConfig(AttentionConfig):
    """Scaled dot-product attention over every key (Vaswani et al. 2017)."""

    name: str = "full"

    core: ClassVar[str] = "full.FullCore"


@dataclass
class MqaConfig(FullConfig):
    """Multi-query attention: one key/value head for all query heads (Shazeer 2019)."""

    name: str = "mqa"
    num_kv_heads: int | None = 1

    state: ClassVar[str] = "keys and values of 1 head"


@dataclass
class GqaConfig(FullConfig):
    """Grouped-query attention: each key/value head serves a group of query heads (Ainslie et al. 2023)."""

    name: str = "gqa"
    num_kv_heads: int | None = 2

    state: ClassVar[str] = "keys and values of num_kv_heads heads"


@dataclass
class FlashConfig(AttentionConfig):
    """Full attention pinned to fused kernels that never form the weights (Dao et al. 2022)."""

    name: str = "flash"

    core: ClassVar[str] = "flash.FlashCore"
    has_logits: ClassVar[bool] = False
    drops_weights: ClassVar[bool] = False


@dataclass
class LocalConfig(AttentionConfig):
    """A sliding window (Beltagy et al. 2020): keys less than `window` positions away, on one side if causal."""

    name: str = "local"
    window: int = 4

    core: ClassVar[str] = "local.LocalCore"
    roles: ClassVar[frozenset[Role]] = SELF_ROLES
    cost: ClassVar[str] = "N window"
    state: ClassVar[str] = "keys and values of the last window - 1 positions"

    def problems(self) -> list[str]:
        return at_least_one(self, "window")


@dataclass
class StridedConfig(AttentionConfig):
    """A sliding window and every stride-th position from the query (Child et al. 2019)."""

    name: str = "strided"
    window: int = 4
    stride: int = 4

    core: ClassVar[str] = "strided.StridedCore"
    roles: ClassVar[frozenset[Role]] = SELF_ROLES
    cost: ClassVar[str] = "N (window + N / stride)"

    def problems(self) -> list[str]:
        return at_least_one(self, "window", "stride")


@dataclass
class LogSparseConfig(AttentionConfig):
    """A sliding window and the distances 1, 2, 4, 8, ... (Li et al. 2019)."""

    name: str = "logsparse"
    window: int = 2

    core: ClassVar[str] = "logsparse.LogSparseCore"
    roles: ClassVar[frozenset[Role]] = SELF_ROLES
    cost: ClassVar[str] = "N (window + log N)"

    def problems(self) -> list[str]:
        return at_least_one(self, "window")


@dataclass
class BlockSparseConfig(AttentionConfig):
    """Blocks read their neighbours, and the first blocks read all and are read by all (Zaheer et al. 2020)."""

    name: str = "block_sparse"
    block: int = 4
    neighbours: int = 1
    global_blocks: int = 1

    core: ClassVar[str] = "block_sparse.BlockSparseCore"
    roles: ClassVar[frozenset[Role]] = SELF_ROLES
    cost: ClassVar[str] = "N block"

    def problems(self) -> list[str]:
        return at_least_one(self, "block") + not_negative(self, "neighbours", "global_blocks")


class FeatureMap(enum.Enum):
    """What replaces the exponential in linear attention."""

    elu_plus_one = "elu_plus_one"
    relu = "relu"


@dataclass
class LinearConfig(AttentionConfig):
    """A kernel feature map instead of the softmax (Katharopoulos et al. 2020)."""

    name: str = "linear"
    feature_map: FeatureMap = FeatureMap.elu_plus_one

    core: ClassVar[str] = "linear.LinearCore"
    has_logits: ClassVar[bool] = False
    rotary: ClassVar[bool] = False
    weights: ClassVar[Weights] = Weights.KERNEL
    drops_weights: ClassVar[bool] = False
    cost: ClassVar[str] = "N"
    state: ClassVar[str] = "two sums, whatever the length"


@dataclass
class PerformerConfig(AttentionConfig):
    """Positive orthogonal random features of the softmax kernel (Choromanski et al. 2021).

    redraw_interval: optimizer steps between new projections in training; 0 keeps the first.
    """

    name: str = "performer"
    num_features: int = 64
    redraw_interval: int = 1000

    core: ClassVar[str] = "performer.PerformerCore"
    has_logits: ClassVar[bool] = False
    rotary: ClassVar[bool] = False
    weights: ClassVar[Weights] = Weights.KERNEL
    drops_weights: ClassVar[bool] = False
    cost: ClassVar[str] = "N num_features"
    state: ClassVar[str] = "two sums, whatever the length"

    def problems(self) -> list[str]:
        return at_least_one(self, "num_features") + not_negative(self, "redraw_interval")


@dataclass
class LinformerConfig(AttentionConfig):
    """Keys and values projected along their positions to `rank` slots (Wang et al. 2020)."""

    name: str = "linformer"
    rank: int = 16

    core: ClassVar[str] = "linformer.LinformerCore"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.ENCODER, Role.CROSS})
    has_logits: ClassVar[bool] = False
    rotary: ClassVar[bool] = False
    weights: ClassVar[Weights] = Weights.NONE
    cost: ClassVar[str] = "N rank"
    state: ClassVar[str] = "rank slots"

    def problems(self) -> list[str]:
        return at_least_one(self, "rank")


@dataclass
class AdditiveConfig(AttentionConfig):
    """A small network scores each query and key (Bahdanau et al. 2015)."""

    name: str = "additive"

    core: ClassVar[str] = "additive.AdditiveCore"
    rotary: ClassVar[bool] = False


def at_least_one(config: AttentionConfig, *options: str) -> list[str]:
    """A problem for each option below one."""
    return [
        f"{o}: must be at least 1, not {getattr(config, o)}"
        for o in options
        if getattr(config, o) < 1
    ]


def not_negative(config: AttentionConfig, *options: str) -> list[str]:
    """A problem for each option below zero."""
    return [
        f"{o}: must not be negative, as {getattr(config, o)} is"
        for o in options
        if getattr(config, o) < 0
    ]


def mechanisms() -> dict[str, type[AttentionConfig]]:
    """Every mechanism by its option name, in the order of definition."""
    found: dict[str, type[AttentionConfig]] = {}
    waiting = list(AttentionConfig.__subclasses__())
    while waiting:
        config = waiting.pop(0)
        found[config.name] = config
        waiting.extend(config.__subclasses__())
    return found
