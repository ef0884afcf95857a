"""Batch transforms: random changes to training batches, drawn at every step.

A configuration lists them, `batch_transforms=[word_dropout]`, by their names in BATCH_TRANSFORMS or
as mappings with options, `[{name: word_dropout, source: 0.2}]`. Imports no torch.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seq2seq.options import Options, number
from seq2seq.registry import Registry

if TYPE_CHECKING:
    from seq2seq.data.batch import Batch

BatchTransform = Callable[["Batch"], "Batch"]
"""Takes a batch on the device of the model and returns another one.

It draws from torch's global generator, seeded by (seed, micro-batch, rank), so a resumed run draws
the same. The number of labels, `target_tokens`, must not change: the loss is divided by it.
"""


@dataclass
class BatchTransformConfig(Options, ABC):
    """Options of a batch transform.

    Attributes:
        name: in configurations and in the registry.
    """

    name: str = ""

    def source_problems(self, source_kind: str) -> Iterator[str]:
        """Why sources of a kind cannot be changed, as "option: must hold; given; choose"."""
        yield from ()

    @abstractmethod
    def build(self) -> BatchTransform:
        """The function that changes batches."""


BATCH_TRANSFORMS: Registry[BatchTransformConfig] = Registry("batch transform")


@BATCH_TRANSFORMS.register
@dataclass
class WordDropoutConfig(BatchTransformConfig):
    """Word dropout: replaces random input tokens by <unk>, never special tokens and never labels.

    Source: of the decoder's input, Bowman et al. 2016, "Generating Sentences from a Continuous
    Space" (arXiv:1511.06349), section 3.1; of both sides with a probability of 0.1, Sennrich et al.
    2016, "Edinburgh Neural Machine Translation Systems for WMT 16" (arXiv:1606.02891), who set the
    embeddings to zero instead.

    Attributes:
        source, target: probability of each token of the encoder's and of the decoder's input.
    """

    name: str = "word_dropout"
    source: float = number(0.1, at_least=0, below=1)
    target: float = number(0.1, at_least=0, below=1)

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        if self.source == self.target == 0:
            yield "source: or target must be above 0; choose 0.1, or leave word_dropout out"

    def source_problems(self, source_kind: str) -> Iterator[str]:
        if self.source and source_kind != "text":
            yield f"source: must be 0 for sources without tokens, which {source_kind} are; choose 0"

    def build(self) -> BatchTransform:
        from seq2seq.training.word_dropout import WordDropout

        return WordDropout(source=self.source, target=self.target)
