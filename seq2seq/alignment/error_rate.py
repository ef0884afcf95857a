"""How well alignments agree with gold links: precision, recall and the alignment error rate.

With hypothesised links A, sure links S and possible links P (S is a subset of P), counted over the
whole corpus,

    precision = |A n P| / |A|
    recall    = |A n S| / |S|
    AER       = 1 - (|A n S| + |A n P|) / (|A| + |S|).

Source: Och and Ney 2003, "A Systematic Comparison of Various Statistical Alignment Models", section
4. Lower AER is better. F1 is the harmonic mean of this precision and recall.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from seq2seq.alignment.links import GoldLinks, Links
from seq2seq.errors import DataError


@dataclass(frozen=True)
class AlignmentCounts:
    """Numbers of links over a corpus.

    Attributes:
        sentences: sentence pairs compared.
        links: hypothesised, |A|.
        sure: |S|.
        possible: |P|, sure links included.
        matched_sure: |A n S|.
        matched_possible: |A n P|.
    """

    sentences: int
    links: int
    sure: int
    possible: int
    matched_sure: int
    matched_possible: int


@dataclass(frozen=True)
class AlignmentScore:
    """Scores between 0 and 1. Without any hypothesised link precision is 0, and AER 1."""

    precision: float
    recall: float
    f1: float
    aer: float
    counts: AlignmentCounts


def score_links(hypotheses: Sequence[Links], gold: Sequence[GoldLinks]) -> AlignmentScore:
    """Score alignments against gold links of the same sentence pairs, in the same order.

    Raises:
        DataError: the counts differ, or there is no sure link, without which recall and AER are
            undefined.
    """
    if len(hypotheses) != len(gold):
        raise DataError(
            f"{len(hypotheses)} alignments for {len(gold)} gold alignments; give one line of links "
            "for every gold line, empty if there are none"
        )
    counts = AlignmentCounts(
        sentences=len(gold),
        links=sum(len(links) for links in hypotheses),
        sure=sum(len(g.sure) for g in gold),
        possible=sum(len(g.sure | g.possible) for g in gold),
        matched_sure=sum(len(links & g.sure) for links, g in zip(hypotheses, gold, strict=True)),
        matched_possible=sum(
            len(links & (g.sure | g.possible)) for links, g in zip(hypotheses, gold, strict=True)
        ),
    )
    if counts.sure == 0:
        raise DataError(
            "the gold alignments have no sure link, so recall and AER are undefined; "
            "write sure links i-j"
        )
    return score_counts(counts)


def score_counts(counts: AlignmentCounts) -> AlignmentScore:
    """The formulas, for counts with at least one sure link."""
    precision = counts.matched_possible / counts.links if counts.links else 0.0
    recall = counts.matched_sure / counts.sure
    both = precision + recall
    return AlignmentScore(
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / both if both else 0.0,
        aer=1 - (counts.matched_sure + counts.matched_possible) / (counts.links + counts.sure),
        counts=counts,
    )
