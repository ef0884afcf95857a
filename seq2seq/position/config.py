"""Position schemes: their options, and the registry of schemes. No torch."""

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from seq2seq.imports import class_named
from seq2seq.options import Options, number
from seq2seq.registry import Registry

if TYPE_CHECKING:
    from torch import nn

    from seq2seq.position.base import LogitBias, Rotation


class PositionKind(enum.Enum):
    """Where a scheme acts, which decides the mechanisms that it can be combined with."""

    absolute = "added to the embeddings"
    rotary = "rotates queries and keys"
    bias = "added to the query-key logits"
    none = "nowhere"


@dataclass
class PositionConfig(Options):
    """Options and kind that every scheme has.

    A scheme is a dataclass derived from this one, registered by `POSITION_SCHEMES.register`, and
    the class that `module` names, whose constructor takes the dataclass and, by kind:

    - absolute: `d_model` and `max_length`; `forward` maps positions (T,) to (T, D);
    - rotary: `head_dim`; a `Rotation`;
    - bias: `num_heads` and `causal`; a `LogitBias`.

    Attributes:
        name: of the scheme, in configurations and on the command line.
        module: the `nn.Module` that computes it, as "package.module.Class", or as "Class" if it is
            in the same module as the dataclass.
        kind: where it acts.
    """

    name: str = ""

    module: ClassVar[str]
    kind: ClassVar[PositionKind]

    def absolute(self, *, d_model: int, max_length: int) -> "nn.Module | None":
        """The module whose output is added to the embeddings; None for other kinds."""
        if self.kind is not PositionKind.absolute:
            return None
        module = class_named(self, "module")
        return cast("nn.Module", module(self, d_model=d_model, max_length=max_length))

    def relative(
        self, *, num_heads: int, head_dim: int, causal: bool
    ) -> "Rotation | LogitBias | None":
        """The module that the attention layers of a stack share; None for other kinds."""
        if self.kind is PositionKind.rotary:
            return cast("Rotation", class_named(self, "module")(self, head_dim=head_dim))
        if self.kind is PositionKind.bias:
            module = class_named(self, "module")
            return cast("LogitBias", module(self, num_heads=num_heads, causal=causal))
        return None


POSITION_SCHEMES: Registry[PositionConfig] = Registry("position scheme")


@POSITION_SCHEMES.register
@dataclass
class SinusoidalConfig(PositionConfig):
    """Fixed sines and cosines (Vaswani et al. 2017)."""

    name: str = "sinusoidal"

    module: ClassVar[str] = "seq2seq.position.absolute.Sinusoidal"
    kind: ClassVar[PositionKind] = PositionKind.absolute


@POSITION_SCHEMES.register
@dataclass
class LearnedConfig(PositionConfig):
    """One trained vector per position, up to the model's maximum lengths (Gehring et al. 2017)."""

    name: str = "learned"

    module: ClassVar[str] = "seq2seq.position.absolute.Learned"
    kind: ClassVar[PositionKind] = PositionKind.absolute


@POSITION_SCHEMES.register
@dataclass
class RopeConfig(PositionConfig):
    """Rotary positions (Su et al. 2021).

    Attributes:
        base: wavelengths run from 2 pi to 2 pi base.
    """

    name: str = "rope"
    base: float = number(10_000.0, above=1)

    module: ClassVar[str] = "seq2seq.position.rotary.Rotary"
    kind: ClassVar[PositionKind] = PositionKind.rotary


@POSITION_SCHEMES.register
@dataclass
class AlibiConfig(PositionConfig):
    """Linear penalties on distance (Press et al. 2022)."""

    name: str = "alibi"

    module: ClassVar[str] = "seq2seq.position.logit_bias.Alibi"
    kind: ClassVar[PositionKind] = PositionKind.bias


@POSITION_SCHEMES.register
@dataclass
class T5Config(PositionConfig):
    """Trained biases by bucketed distance (Raffel et al. 2020).

    Attributes:
        num_buckets: of distances, a multiple of 4.
        max_distance: all distances beyond it share a bucket.
    """

    name: str = "t5"
    num_buckets: int = number(32, at_least=4)
    max_distance: int = number(128, at_least=3)

    module: ClassVar[str] = "seq2seq.position.logit_bias.T5"
    kind: ClassVar[PositionKind] = PositionKind.bias

    def problems(self) -> list[str]:
        problems = list(super().problems())
        if problems:
            return problems
        if self.num_buckets % 4:
            near = self.num_buckets // 4 * 4
            problems.append(
                f"num_buckets: must be a multiple of 4, not {self.num_buckets}; choose {near}"
            )
        if self.max_distance <= self.num_buckets // 2:
            problems.append(
                f"max_distance: must exceed num_buckets / 2 = {self.num_buckets // 2}, not "
                f"{self.max_distance}; choose {4 * self.num_buckets}"
            )
        return problems


@POSITION_SCHEMES.register
@dataclass
class NoPositionConfig(PositionConfig):
    """No positions: word order reaches the model through the causal decoder alone."""

    name: str = "none"

    kind: ClassVar[PositionKind] = PositionKind.none
