"""Options of alignment supervision. Imports no torch."""

import enum
from dataclasses import dataclass

from seq2seq.alignment.symmetrize import SymmetrizeMethod
from seq2seq.options import Options, Readers, number
from seq2seq.paths import path_option


class SupervisionKind(enum.Enum):
    """Whose word alignments supervise a head: nobody's, the corpus', two runs', or an aligner's.

    auto is statistical where it is possible, and none elsewhere.
    """

    none = "none"
    links = "links"
    runs = "runs"
    statistical = "statistical"
    auto = "auto"


@dataclass
class AlignmentSupervisionConfig(Options):
    """A second loss that teaches one cross-attention head word alignments.

    Source: Chen et al. 2016, "Guided Alignment Training for Topic-Aware NMT" (arXiv:1607.01628); of
    one head, Garg et al. 2019, "Jointly Learning to Align and Translate with Transformer Models"
    (arXiv:1909.02074), section 3.

    Attributes:
        kind: where the alignments come from: none, the corpus (links), two trained runs, or a
            statistical aligner, which learns from the training text alone; auto takes that where
            both sides are text and the head has weights, and none elsewhere.
        weight: of this loss, added to the translation loss; 0.05 is that of Garg et al.
        layer: decoder layer of the head, counted from 0; negative from the last, -1. Garg et al.
            take the last but one.
        head: of that layer, counted from 0.
        use_input_row: supervise the row at which a target token is the decoder's input, instead of
            the row that predicts it (Chen et al. 2020, arXiv:2004.14837).
        runs: for kind=runs, the folders of two finished runs: one of the direction that is
            trained, and its reverse.
        method: for kind=runs and kind=statistical, how the links of both directions are
            symmetrized. A target word without a link is not supervised: intersection has the most
            such words, and the best precision. With kind=statistical, a word that neither
            direction links is taught a null link: to the sink, where the cross-attention has one,
            or else to the sentence end.
        extra_source, extra_target: for kind=statistical, text that the aligner learns from as well
            and that is not trained on: one sentence a line, line n of both being translations, in
            the direction that is trained.
    """

    kind: SupervisionKind = SupervisionKind.none
    weight: float = number(0.05, above=0)
    layer: int = number(-1)
    head: int = number(0, at_least=0)
    use_input_row: bool = True
    runs: list[str] = path_option([])
    method: SymmetrizeMethod = SymmetrizeMethod.intersection
    extra_source: str | None = path_option()
    extra_target: str | None = path_option()

    def problems(self) -> list[str]:
        problems = list(super().problems())
        if self.kind is SupervisionKind.runs and not (len(self.runs) == len(set(self.runs)) == 2):
            problems.append(
                f"runs: must be two folders of different runs, [FORWARD,REVERSE], not {self.runs}; "
                "train the second with data.reverse=true"
            )
        by_text = self.kind in (SupervisionKind.statistical, SupervisionKind.auto)
        if by_text and (self.extra_source is None) != (self.extra_target is None):
            missing = "extra_source" if self.extra_source is None else "extra_target"
            problems.append(
                f"{missing}: must be set, because the other side is; give the file of its "
                "translations"
            )
        return problems

    def readers(self) -> Readers:
        kinds = SupervisionKind
        supervised = (
            self.kind is not kinds.none,
            "choose alignment_supervision=links, statistical or runs",
        )
        by_runs = (self.kind is kinds.runs, "choose alignment_supervision=runs")
        aligned = (
            self.kind in (kinds.runs, kinds.statistical, kinds.auto),
            "choose alignment_supervision=statistical or alignment_supervision=runs",
        )
        by_text = (
            self.kind in (kinds.statistical, kinds.auto),
            "choose alignment_supervision=statistical",
        )
        return {
            **dict.fromkeys(("weight", "layer", "head", "use_input_row"), supervised),
            **dict.fromkeys(("extra_source", "extra_target"), by_text),
            "runs": by_runs,
            "method": aligned,
        }
