"""Which attention weights become word alignments, and how. Imports no torch."""

import enum
from dataclasses import dataclass, field

from seq2seq.options import unread_problems

MIN_LINK_PROBABILITY = 0.05  # words whose best link has a lower joint posterior stay unlinked


class LinkMethod(enum.Enum):
    """How word weights become links."""

    argmax = "argmax"  # each target word to its best source word
    threshold = "threshold"  # all words with enough weight
    mutual = "mutual"  # words that are each other's best
    chain = "chain"  # argmax after HMM smoothing, see `seq2seq.alignment.hmm`


@dataclass
class AlignmentConfig:
    """Options of alignment export from cross-attention.

    Attributes:
        enabled: true exports alignments and refuses a mechanism without weights; false does not;
            null exports them if the mechanism has weights.
        layer: decoder layer that links are read from, counted from 0; negative from the last, -1.
        heads: heads of that layer whose weights are averaged, counted from 0; empty for all.
        use_input_row: read the row at which a target token is the decoder's input, instead of the
            row that predicts it (Chen et al. 2020, arXiv:2004.14837).
        method: how weights become links.
        threshold: least weight of a link, for method=threshold.
        all_layers: also write the weights of every layer and head.
        heatmaps: number of sentences, from the first, that are drawn.
    """

    enabled: bool | None = None
    layer: int = -1
    heads: list[int] = field(default_factory=list)
    use_input_row: bool = False
    method: LinkMethod = LinkMethod.argmax
    threshold: float = 0.2
    all_layers: bool = False
    heatmaps: int = 10

    def problems(self) -> list[str]:
        """What is wrong with these options, each as "option: what; what to choose"."""
        found = []
        if any(head < 0 for head in self.heads) or len(set(self.heads)) < len(self.heads):
            found.append(
                f"heads: must be distinct numbers from 0, not {self.heads}; [] averages all heads"
            )
        by_threshold = self.method is LinkMethod.threshold
        found += unread_problems(self, {"threshold": (by_threshold, "choose method=threshold")})
        if not 0 < self.threshold <= 1:
            found.append(
                f"threshold: must be above 0 and at most 1, not {self.threshold}; choose 0.2"
            )
        if self.heatmaps < 0:
            found.append(f"heatmaps: must not be negative, as {self.heatmaps} is; 0 draws none")
        return found
