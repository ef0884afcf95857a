"""Options of word alignment from attention weights. Imports no torch."""

import enum
from dataclasses import dataclass, field

from seq2seq.options import LARGEST, Options, Readers, number

MIN_LINK_PROBABILITY = 0.05  # words whose best link has a lower joint posterior stay unlinked


class LinkMethod(enum.Enum):
    """How word weights become links."""

    argmax = "argmax"  # each target word to its best source word
    threshold = "threshold"  # all words with enough weight
    mutual = "mutual"  # words that are each other's best
    chain = "chain"  # argmax after HMM smoothing, see `seq2seq.alignment.hmm`


class Measure(enum.Enum):
    """What of the attention to a source position is read: see `seq2seq.alignment.norms`."""

    weights = "weights"
    norm = "norm"


@dataclass
class AlignmentConfig(Options):
    """Options of alignment export from cross-attention.

    Attributes:
        enabled: true exports alignments and refuses a mechanism that has no weights; false exports
            none; null exports them if the mechanism has weights.
        layer: decoder layer whose weights are read, counted from 0; negative from the last, -1.
        heads: heads of that layer whose weights are averaged, counted from 0; empty for all.
        use_input_row: read the row at which a target token is the decoder's input, instead of the
            row that predicts it (Chen et al. 2020, arXiv:2004.14837).
        measure: what is read there: the weights, or the norm of what a source position contributes
            to the layer's output through these heads (Kobayashi et al. 2020, arXiv:2004.10102).
        method: how weights become links: argmax, threshold, mutual or chain (HMM).
        threshold: minimum weight of a link, for method=threshold.
        null_links: leave a target word without a link where its null probability, what falls on the
            sentence end or a sink, exceeds that of its source word. For heads that were taught null
            links.
        all_layers: also write the weights of every layer and head.
        heatmaps: number of sentences, from the first, whose weights are drawn.
    """

    enabled: bool | None = None
    layer: int = number(-1, at_least=-LARGEST)
    heads: list[int] = field(default_factory=list)
    use_input_row: bool = False
    measure: Measure = Measure.weights
    method: LinkMethod = LinkMethod.argmax
    threshold: float = number(0.2, above=0, at_most=1)
    null_links: bool = False
    all_layers: bool = False
    heatmaps: int = number(10, at_least=0)

    def problems(self) -> list[str]:
        problems = list(super().problems())
        if any(head < 0 for head in self.heads) or len(set(self.heads)) < len(self.heads):
            problems.append(
                f"heads: must be distinct numbers from 0, not {self.heads}; [] averages all heads"
            )
        return problems

    def readers(self) -> Readers:
        exported = (self.enabled is not False, "choose enabled=true")
        by_threshold = (self.method is LinkMethod.threshold, "choose method=threshold")
        return {"threshold": by_threshold, "all_layers": exported, "heatmaps": exported}
