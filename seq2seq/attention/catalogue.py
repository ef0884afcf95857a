"""The built-in mechanisms: their options and abilities. No torch.

Configurations are checked before torch is imported, so the cores are in files of their own below
`mechanisms/`, each with its formula and its source.
"""

import enum
from dataclasses import dataclass
from typing import ClassVar

from seq2seq.attention.config import (
    MECHANISMS,
    SELF_ROLES,
    AttentionConfig,
    Role,
    WeightKind,
)
from seq2seq.options import number

CORES = "seq2seq.attention.mechanisms"


@MECHANISMS.register
@dataclass
class FullConfig(AttentionConfig):
    """Scaled dot-product attention over every key (Vaswani et al. 2017)."""

    name: str = "full"

    core: ClassVar[str] = f"{CORES}.full.FullCore"
    has_products: ClassVar[bool] = True
    has_softmax: ClassVar[bool] = True
    forms_rows: ClassVar[bool] = True


@MECHANISMS.register
@dataclass
class MqaConfig(FullConfig):
    """Multi-query attention: one key/value head for all query heads (Shazeer 2019)."""

    name: str = "mqa"
    num_kv_heads: int | None = number(1, at_least=1)

    state: ClassVar[str] = "keys and values of 1 head"


@MECHANISMS.register
@dataclass
class GqaConfig(FullConfig):
    """Grouped-query attention: one key/value head per group of queries (Ainslie et al. 2023)."""

    name: str = "gqa"
    num_kv_heads: int | None = number(2, at_least=1)

    state: ClassVar[str] = "keys and values of num_kv_heads heads"


@MECHANISMS.register
@dataclass
class FlashConfig(AttentionConfig):
    """Full attention pinned to fused kernels that never form the weights (Dao et al. 2022)."""

    name: str = "flash"

    core: ClassVar[str] = f"{CORES}.flash.FlashCore"
    has_products: ClassVar[bool] = True
    has_softmax: ClassVar[bool] = True
    has_logits: ClassVar[bool] = False
    drops_weights: ClassVar[bool] = False


@MECHANISMS.register
@dataclass
class LocalConfig(AttentionConfig):
    """A sliding window around the query (Beltagy et al. 2020).

    Attributes:
        window: keys less than this many positions away are read, on one side if causal.
        window_sinks: so are as many first positions, from everywhere (Xiao et al. 2024).
    """

    name: str = "local"
    window: int = number(4, at_least=1)
    window_sinks: int = number(0, at_least=0)

    core: ClassVar[str] = f"{CORES}.local.LocalCore"
    roles: ClassVar[frozenset[Role]] = SELF_ROLES
    has_products: ClassVar[bool] = True
    has_softmax: ClassVar[bool] = True
    forms_rows: ClassVar[bool] = True
    cost: ClassVar[str] = "N (window + window_sinks)"
    state: ClassVar[str] = (
        "keys and values of the first window_sinks and the last window - 1 positions"
    )


@MECHANISMS.register
@dataclass
class StridedConfig(AttentionConfig):
    """A sliding window and every stride-th position from the query (Child et al. 2019).

    Attributes:
        window: keys less than this many positions away are read.
        stride: so are keys a multiple of this many positions away.
    """

    name: str = "strided"
    window: int = number(4, at_least=1)
    stride: int = number(4, at_least=1)

    core: ClassVar[str] = f"{CORES}.strided.StridedCore"
    roles: ClassVar[frozenset[Role]] = SELF_ROLES
    has_products: ClassVar[bool] = True
    has_softmax: ClassVar[bool] = True
    cost: ClassVar[str] = "N (window + N / stride)"


@MECHANISMS.register
@dataclass
class LogSparseConfig(AttentionConfig):
    """A sliding window and the distances 1, 2, 4, 8, ... (Li et al. 2019).

    Attributes:
        window: keys less than this many positions away are read.
    """

    name: str = "logsparse"
    window: int = number(2, at_least=1)

    core: ClassVar[str] = f"{CORES}.logsparse.LogSparseCore"
    roles: ClassVar[frozenset[Role]] = SELF_ROLES
    has_products: ClassVar[bool] = True
    has_softmax: ClassVar[bool] = True
    cost: ClassVar[str] = "N (window + log N)"


@MECHANISMS.register
@dataclass
class BlockSparseConfig(AttentionConfig):
    """Neighbouring blocks, and global blocks that read and are read by all (Zaheer et al. 2020).

    Attributes:
        block: positions of a block.
        neighbours: blocks on each side of the query's block that are read.
        global_blocks: first blocks, which every query reads, and whose queries read every key.
    """

    name: str = "block_sparse"
    block: int = number(4, at_least=1)
    neighbours: int = number(1, at_least=0)
    global_blocks: int = number(1, at_least=0)

    core: ClassVar[str] = f"{CORES}.block_sparse.BlockSparseCore"
    roles: ClassVar[frozenset[Role]] = SELF_ROLES
    has_products: ClassVar[bool] = True
    has_softmax: ClassVar[bool] = True
    forms_rows: ClassVar[bool] = True
    cost: ClassVar[str] = "N block"


class FeatureMap(enum.Enum):
    """The feature map that replaces the exponential in linear attention."""

    elu_plus_one = "elu_plus_one"
    relu = "relu"


@MECHANISMS.register
@dataclass
class LinearConfig(AttentionConfig):
    """A kernel feature map instead of the softmax (Katharopoulos et al. 2020).

    Attributes:
        feature_map: of queries and keys.
    """

    name: str = "linear"
    feature_map: FeatureMap = FeatureMap.elu_plus_one

    core: ClassVar[str] = f"{CORES}.linear.LinearCore"
    has_logits: ClassVar[bool] = False
    rotary: ClassVar[bool] = False
    weights: ClassVar[WeightKind] = WeightKind.kernel
    drops_weights: ClassVar[bool] = False
    cost: ClassVar[str] = "N"
    state: ClassVar[str] = "constant: two sums over the keys"


@MECHANISMS.register
@dataclass
class PerformerConfig(AttentionConfig):
    """Positive orthogonal random features of the softmax kernel (Choromanski et al. 2021).

    Attributes:
        num_features: random features per key/value head.
        redraw_interval: optimizer steps between new projections in training; 0 keeps the first.
    """

    name: str = "performer"
    num_features: int = number(64, at_least=1, at_most=65_536)
    redraw_interval: int = number(1000, at_least=0)

    core: ClassVar[str] = f"{CORES}.performer.PerformerCore"
    has_logits: ClassVar[bool] = False
    rotary: ClassVar[bool] = False
    weights: ClassVar[WeightKind] = WeightKind.kernel
    drops_weights: ClassVar[bool] = False
    cost: ClassVar[str] = "N num_features"
    state: ClassVar[str] = "constant: two sums over the keys, and the scales of features"


@MECHANISMS.register
@dataclass
class LinformerConfig(AttentionConfig):
    """Keys and values projected along their positions to `rank` slots (Wang et al. 2020).

    Attributes:
        rank: slots, whatever the number of keys.
    """

    name: str = "linformer"
    rank: int = number(16, at_least=1)

    core: ClassVar[str] = f"{CORES}.linformer.LinformerCore"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.ENCODER, Role.CROSS})
    has_logits: ClassVar[bool] = False
    rotary: ClassVar[bool] = False
    weights: ClassVar[WeightKind] = WeightKind.none
    cost: ClassVar[str] = "N rank"
    state: ClassVar[str] = "rank slots"


@MECHANISMS.register
@dataclass
class AdditiveConfig(AttentionConfig):
    """A network with one hidden layer scores each query and key (Bahdanau et al. 2015)."""

    name: str = "additive"

    core: ClassVar[str] = f"{CORES}.additive.AdditiveCore"
    has_softmax: ClassVar[bool] = True
    forms_rows: ClassVar[bool] = True
    rotary: ClassVar[bool] = False
