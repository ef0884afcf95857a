"""Auxiliary losses: added to the translation loss with a weight.

A configuration lists them by their names in AUXILIARY_LOSSES or as mappings with options, like
batch transforms. Alignment supervision has a separate section, because it needs a corpus with word
alignments. Imports no torch.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seq2seq.model.config import ModelConfig
from seq2seq.options import Options, number
from seq2seq.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

    from seq2seq.data.batch import Batch
    from seq2seq.model.encoder import AttentionWeights, WeightsOf


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

    @abstractmethod
    def build(self, model: ModelConfig) -> AuxiliaryLoss:
        """The loss for a model."""


AUXILIARY_LOSSES: Registry[AuxiliaryLossConfig] = Registry("auxiliary loss")
