"""How positions are told to a stack: one dataclass a scheme. Imports no torch."""

import enum
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, cast

if TYPE_CHECKING:
    from torch import nn

    from seq2seq.position.logit_bias import LogitBias
    from seq2seq.position.rotary import Rotary


class PositionKind(enum.Enum):
    """Where a scheme acts, which decides the mechanisms that can carry it."""

    ABSOLUTE = "added to the embeddings"
    ROTARY = "rotates queries and keys"
    BIAS = "adds to the query-key logits"
    NONE = "nowhere"


@dataclass
class PositionConfig:
    """Options and kind that every scheme has.

    Attributes:
        name: the option's name in the configuration; it also finds the class again when a saved run is read.
        module: "module.Class" of this package that computes it; empty for none.
        kind: where it acts.
    """

    name: str = ""

    module: ClassVar[str] = ""
    kind: ClassVar[PositionKind]

    def problems(self) -> list[str]:
        """What is wrong with the scheme's own options, each as "option: what; what to choose"."""
        return []

    def absolute(self, *, d_model: int, max_length: int) -> "nn.Module | None":
        """What a stack adds to its embeddings, if anything."""
        if self.kind is not PositionKind.ABSOLUTE:
            return None
        return cast("nn.Module", self._load()(self, d_model=d_model, max_length=max_length))

    def relative(
        self, *, num_heads: int, head_dim: int, causal: bool
    ) -> "Rotary | LogitBias | None":
        """What the layers of one stack share: a rotation or a logit bias, if anything."""
        if self.kind is PositionKind.ROTARY:
            return cast("Rotary", self._load()(self, head_dim=head_dim))
        if self.kind is PositionKind.BIAS:
            return cast("LogitBias", self._load()(self, num_heads=num_heads, causal=causal))
        return None

    def _load(self) -> type:
        module, _, name = self.module.partition(".")
        return cast(type, getattr(import_module(f"seq2seq.position.{module}"), name))


@dataclass
class SinusoidalConfig(PositionConfig):
    """Fixed sines and cosines (Vaswani et al. 2017)."""

    name: str = "sinusoidal"

    module: ClassVar[str] = "absolute.Sinusoidal"
    kind: ClassVar[PositionKind] = PositionKind.ABSOLUTE


@dataclass
class LearnedConfig(PositionConfig):
    """A trained vector a position (Gehring et al. 2017); it has none beyond the model's maximum lengths."""

    name: str = "learned"

    module: ClassVar[str] = "absolute.Learned"
    kind: ClassVar[PositionKind] = PositionKind.ABSOLUTE


@dataclass
class RopeConfig(PositionConfig):
    """Rotary positions (Su et al. 2021). base: wavelengths run from 2 pi to 2 pi base."""

    name: str = "rope"
    base: float = 10_000.0

    module: ClassVar[str] = "rotary.Rotary"
    kind: ClassVar[PositionKind] = PositionKind.ROTARY

    def problems(self) -> list[str]:
        return (
            []
            if self.base > 1
            else [f"base: must be greater than 1, not {self.base}; choose 10000"]
        )


@dataclass
class AlibiConfig(PositionConfig):
    """Linear penalties on distance (Press et al. 2022)."""

    name: str = "alibi"

    module: ClassVar[str] = "logit_bias.Alibi"
    kind: ClassVar[PositionKind] = PositionKind.BIAS


@dataclass
class T5Config(PositionConfig):
    """Trained biases by bucketed distance (Raffel et al. 2020). Beyond max_distance all distances share a bucket."""

    name: str = "t5"
    num_buckets: int = 32
    max_distance: int = 128

    module: ClassVar[str] = "logit_bias.T5"
    kind: ClassVar[PositionKind] = PositionKind.BIAS

    def problems(self) -> list[str]:
        found = []
        if self.num_buckets < 4 or self.num_buckets % 4:
            found.append(
                f"num_buckets: must be a positive multiple of 4, not {self.num_buckets}; choose 32"
            )
        if self.max_distance <= self.num_buckets // 2:
            found.append(
                f"max_distance: must exceed num_buckets / 2, not {self.max_distance}; choose 128"
            )
        return found


@dataclass
class NoPositionConfig(PositionConfig):
    """No position at all: order is seen only through the causal decoder."""

    name: str = "none"

    kind: ClassVar[PositionKind] = PositionKind.NONE


def position_schemes() -> dict[str, type[PositionConfig]]:
    """Every scheme by its option name."""
    return {config.name: config for config in PositionConfig.__subclasses__()}
