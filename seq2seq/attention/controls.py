"""Controls, which do not compare queries with keys: their options and abilities. No torch.

What a model loses with one of them is what the weights of content were worth in that role. They
read values alone, so that their layers project neither queries nor keys.
"""

import enum
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
from seq2seq.options import Readers, number


@dataclass
class ControlConfig(AttentionConfig):
    """What all controls have in common."""

    has_logits: ClassVar[bool] = False
    rotary: ClassVar[bool] = False
    drops_weights: ClassVar[bool] = False
    roles: ClassVar[frozenset[Role]] = SELF_ROLES

    def widths(self, context: AttentionContext) -> HeadWidths:
        return HeadWidths(0, 0, context.head_dim)


@MECHANISMS.register
@dataclass
class AverageConfig(ControlConfig):
    """The mean of all values, in the decoder of those up to the query (Zhang et al. 2018)."""

    name: str = "average"

    core: ClassVar[str] = f"{CORES}.average.AverageCore"
    cost: ClassVar[str] = "N"
    state: ClassVar[str] = "constant: one sum of values"


@MECHANISMS.register
@dataclass
class GaussianConfig(ControlConfig):
    """Hard-coded weights: a Gaussian around a neighbour, which differs by head (You et al. 2020).

    Attributes:
        deviation: standard deviation of the Gaussian in positions.
    """

    name: str = "gaussian"
    deviation: float = number(1.0, at_least=0.1)

    core: ClassVar[str] = f"{CORES}.gaussian.GaussianCore"
    cost: ClassVar[str] = "N deviation"
    state: ClassVar[str] = "the last 6 deviation + 2 values"


class SynthesizerForm(enum.Enum):
    """The logits of `synthesizer`: one for each pair of positions, or products of two factors."""

    random = "random"
    factorised = "factorised"


@MECHANISMS.register
@dataclass
class SynthesizerConfig(ControlConfig):
    """A softmax of learned logits that depend on the two positions alone (Tay et al. 2020).

    Attributes:
        form: a logit for each pair of positions, or the product of a learned vector of each.
        rank: numbers of such a vector.
    """

    name: str = "synthesizer"
    form: SynthesizerForm = SynthesizerForm.factorised
    rank: int = number(8, at_least=1)

    core: ClassVar[str] = f"{CORES}.synthesizer.SynthesizerCore"
    has_logits: ClassVar[bool] = True
    drops_weights: ClassVar[bool] = True
    state: ClassVar[str] = "values"

    def readers(self) -> Readers:
        factorised = self.form is SynthesizerForm.factorised
        return {**super().readers(), "rank": (factorised, "choose form=factorised")}


@MECHANISMS.register
@dataclass
class FourierConfig(ControlConfig):
    """The real part of a Fourier transform of the values (Lee-Thorp et al. 2022)."""

    name: str = "fourier"

    core: ClassVar[str] = f"{CORES}.fourier.FourierCore"
    roles: ClassVar[frozenset[Role]] = frozenset({Role.ENCODER})
    weights: ClassVar[WeightKind] = WeightKind.none
    cost: ClassVar[str] = "N log N"
    state: ClassVar[str] = "none"
