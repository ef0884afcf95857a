"""Auxiliary losses: added to the translation loss with a weight.

A configuration lists them by their names in AUXILIARY_LOSSES or as mappings with options, like
batch transforms. Alignment supervision has a separate section, because it needs a corpus with word
alignments. Consistency losses read every pair twice. Imports no torch.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seq2seq.model.config import ModelConfig
from seq2seq.options import Options, number
from seq2seq.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

    from seq2seq.data.batch import Batch
    from seq2seq.model.encoder import AttentionWeights, WeightsOf
    from seq2seq.training.consistency import ConsistencyLoss


class AuxiliaryLoss(ABC):
    """A loss of a micro-batch beside the translation loss.

    Reports hold its mean since the last report, before the weight, as `train/<name>_loss`.

    Attributes:
        name: in reports and checkpoints.
        weight: factor of the loss.
        weights_of: the attention weights it reads, as (role, layer) pairs; none by default.
    """

    name: str
    weight: float
    weights_of: "WeightsOf" = frozenset()

    @abstractmethod
    def __call__(
        self, batch: "Batch", states: "Tensor", weights: "AttentionWeights"
    ) -> tuple["Tensor", int]:
        """The loss of a micro-batch, and the count that reports divide it by.

        Args:
            batch: after the batch transforms.
            states: (B, T, D), the decoder's output.
            weights: by (role, layer), those of `weights_of`.

        Returns:
            A sum over the micro-batch, with gradient. Like the translation loss it is divided by
            the target tokens of the whole optimizer step.
        """


@dataclass
class AuxiliaryLossConfig(Options, ABC):
    """Options of an auxiliary loss.

    Attributes:
        name: in configurations and in the registry.
        weight: factor of the loss beside the translation loss.
    """

    name: str = ""
    weight: float = number(1.0, above=0)

    def source_problems(self, source_kind: str) -> Iterator[str]:
        """Why it cannot be used with sources of a kind, as "option: must hold; given; choose"."""
        yield from ()

    @abstractmethod
    def build(self, model: ModelConfig) -> "AuxiliaryLoss | ConsistencyLoss":
        """The loss for a model."""


AUXILIARY_LOSSES: Registry[AuxiliaryLossConfig] = Registry("auxiliary loss")


@dataclass
class ConsistencyConfig(AuxiliaryLossConfig):
    """Options of a loss that reads every pair twice and draws both predictions together.

    The translation loss is then the mean of both, so that a step costs about twice as much.

    Attributes:
        start_at: share of the optimizer steps of the run before which training is without it.
    """

    start_at: float = number(0.67, at_least=0, below=1)


@AUXILIARY_LOSSES.register
@dataclass
class RDropConfig(ConsistencyConfig):
    """R-Drop: the symmetric Kullback-Leibler divergence of two dropout passes.

    Source: Liang et al. 2021, "R-Drop: Regularized Dropout for Neural Networks" (arXiv:2106.14448),
    section 2, whose loss is twice this one: its alpha of 5 is a weight of 2.5.
    """

    name: str = "r_drop"
    weight: float = number(2.5, above=0)

    def build(self, model: ModelConfig) -> "ConsistencyLoss":
        from seq2seq.model.consistency import Divergence
        from seq2seq.training.consistency import ConsistencyLoss

        return ConsistencyLoss(
            Divergence.kullback_leibler,
            name=self.name,
            weight=self.weight,
            start_at=self.start_at,
        )


@AUXILIARY_LOSSES.register
@dataclass
class CutoffConfig(ConsistencyConfig):
    """Token cutoff: the Jensen-Shannon divergence of a pass and one with tokens cut out.

    A cut token is <unk>, as in word dropout; the second pass has a dropout of its own.

    Source: Shen et al. 2020, "A Simple but Tough-to-Beat Data Augmentation Approach for Natural
    Language Understanding and Generation" (arXiv:2009.13818), section 3, with one augmented view.

    Attributes:
        source, target: probability that a token of the encoder's and of the decoder's input is cut.
    """

    name: str = "cutoff"
    source: float = number(0.05, at_least=0, below=1)
    target: float = number(0.05, at_least=0, below=1)

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        if self.source == self.target == 0:
            yield "source: or target must be above 0; choose 0.05, or leave cutoff out"

    def source_problems(self, source_kind: str) -> Iterator[str]:
        if self.source and source_kind != "text":
            yield f"source: must be 0 for sources without tokens, which {source_kind} are; choose 0"

    def build(self, model: ModelConfig) -> "ConsistencyLoss":
        from seq2seq.model.consistency import Divergence
        from seq2seq.training.consistency import ConsistencyLoss
        from seq2seq.training.word_dropout import WordDropout

        cut = WordDropout(source=self.source, target=self.target)
        return ConsistencyLoss(
            Divergence.jensen_shannon,
            name=self.name,
            weight=self.weight,
            start_at=self.start_at,
            second_view=cut,
        )
