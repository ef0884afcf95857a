"""Options of alignment supervision. Imports no torch."""

import enum
from dataclasses import dataclass

from seq2seq.alignment.symmetrize import SymmetrizeMethod
from seq2seq.options import Options, Readers, number
from seq2seq.paths import path_option


class SupervisionKind(enum.Enum):
    """Whose word alignments supervise a head: none, those of the corpus, or of two trained runs."""

    none = "none"
    links = "links"
    runs = "runs"


@dataclass
class AlignmentSupervisionConfig(Options):
    """A second loss that teaches one cross-attention head word alignments.

    Source: Chen et al. 2016, "Guided Alignment Training for Topic-Aware NMT" (arXiv:1607.01628); of
    one head, Garg et al. 2019, "Jointly Learning to Align and Translate with Transformer Models"
    (arXiv:1909.02074), section 3.

    Attributes:
        kind: where the alignments come from: none, the corpus (links) or two trained runs.
        weight: of this loss, added to the translation loss; 0.05 is that of Garg et al.
        layer: decoder layer of the head, counted from 0; negative from the last, -1. Garg et al.
            take the last but one.
        head: of that layer, counted from 0.
        use_input_row: supervise the row at which a target token is the decoder's input, instead of
            the row that predicts it (Chen et al. 2020, arXiv:2004.14837).
        runs: for kind=runs, the folders of two finished runs: one of the direction that is
            trained, and its reverse.
        method: for kind=runs, how the links of the two runs are symmetrized. A target word without
            a link is not supervised: intersection has the most such words, and the best precision.
    """

    kind: SupervisionKind = SupervisionKind.none
    weight: float = number(0.05, above=0)
    layer: int = number(-1)
    head: int = number(0, at_least=0)
    use_input_row: bool = True
    runs: list[str] = path_option([])
    method: SymmetrizeMethod = SymmetrizeMethod.intersection

    def problems(self) -> list[str]:
        problems = list(super().problems())
        if self.kind is SupervisionKind.runs and not (len(self.runs) == len(set(self.runs)) == 2):
            problems.append(
                f"runs: must be two folders of different runs, [FORWARD,REVERSE], not {self.runs}; "
                "train the second with data.reverse=true"
            )
        return problems

    def readers(self) -> Readers:
        remedy = "choose alignment_supervision=links or alignment_supervision=runs"
        supervised = (self.kind is not SupervisionKind.none, remedy)
        by_runs = (self.kind is SupervisionKind.runs, "choose alignment_supervision=runs")
        names = ("weight", "layer", "head", "use_input_row")
        return {**dict.fromkeys(names, supervised), "runs": by_runs, "method": by_runs}
