"""Choosing the layer, heads and row of cross-attention that align best, on a development set.

A candidate is a decoder layer, one of its heads or the mean of all, a row (see
`seq2seq.alignment.extract`) and a measure (see `seq2seq.alignment.norms`). It links every target
word to its best source word. Candidates are compared by

    error rate    against gold links (`choose_by_gold`), or
    agreement     with a model of the other direction (`choose_by_agreement`): 2 |F n R| / (I + J)
                  over the corpus, with links F of one model, swapped links R of the other, and
                  sentences of I and J words. The pair of candidates with the highest agreement is
                  chosen: two models err differently, so links that both have are mostly right.
                  Source: Liang et al. 2006, "Alignment by Agreement"; Chen et al. 2020
                  (arXiv:2004.14837), section 3.3, which chooses layers so.

If every word is linked, agreement is the F1 (Dice) of the two alignments. It divides by words
instead of links, so that two candidates with hardly any links, all of them equal, do not have a
high agreement. Two that always look at one place, such as the first word, share one link per
sentence.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seq2seq.alignment.config import AlignmentConfig, Measure
from seq2seq.alignment.error_rate import score_links
from seq2seq.alignment.links import GoldLinks, Links
from seq2seq.data.words import NO_WORD


@dataclass(frozen=True)
class AlignmentCandidate:
    """What alignments may be read from.

    Attributes:
        layer: from 0.
        heads: from 0; none for the mean of all, as in AlignmentConfig.
        use_input_row: which row.
        measure: weights or norms.
    """

    layer: int
    heads: tuple[int, ...]
    use_input_row: bool
    measure: Measure = Measure.weights

    def applied_to(self, config: AlignmentConfig) -> AlignmentConfig:
        """The options with this layer, heads and row."""
        return replace(
            config,
            layer=self.layer,
            heads=list(self.heads),
            use_input_row=self.use_input_row,
            measure=self.measure,
        )


@dataclass(frozen=True)
class CandidateLinks:
    """Links of every candidate over a corpus.

    Attributes:
        best: for each sentence pair (candidates, target words) the linked source word, or NO_WORD.
        lengths: (source words, target words) of each sentence pair.
    """

    candidates: list[AlignmentCandidate]
    best: list[NDArray[np.int64]]
    lengths: list[tuple[int, int]]

    def links(self, candidate: int) -> list[Links]:
        """The links of one candidate, for each sentence pair."""
        return [
            frozenset(
                (int(source), target)
                for target, source in enumerate(best[candidate])
                if source != NO_WORD
            )
            for best in self.best
        ]


@dataclass(frozen=True)
class Choice:
    """The best candidate.

    Attributes:
        figure: its agreement or error rate, between 0 and 1.
        table: every candidate with its figure, best first.
    """

    candidate: AlignmentCandidate
    figure: float
    table: list[tuple[AlignmentCandidate, float]]


def list_candidates(
    layers: Iterable[int],
    num_heads: int,
    rows: Sequence[bool],
    measures: Sequence[Measure] = (Measure.weights,),
) -> list[AlignmentCandidate]:
    """Candidates by layer, by group of heads, by row (values of `use_input_row`), by measure."""
    return [
        AlignmentCandidate(layer, heads, use_input_row, measure)
        for layer in layers
        for heads in head_groups(num_heads)
        for use_input_row in rows
        for measure in measures
    ]


def head_groups(num_heads: int) -> list[tuple[int, ...]]:
    """The groups of heads to try: the mean of all, written (), and each head alone."""
    return [(), *((head,) for head in range(num_heads) if num_heads > 1)]


def best_words(weights: Tensor) -> NDArray[np.int64]:
    """The best source word of every target word, as `hard_links` with the method argmax.

    Args:
        weights: (..., target words, source words).

    Returns:
        (..., target words), NO_WORD for a word without any weight.
    """
    table = weights.detach().cpu().double().numpy()
    if not table.shape[-1]:
        return np.full(table.shape[:-1], NO_WORD)
    assert np.isfinite(table).all(), "weights must be finite"
    return np.where(table.max(-1) > 0, table.argmax(-1), NO_WORD)


def agreement(forward: CandidateLinks, reverse: CandidateLinks) -> NDArray[np.float64]:
    """Agreement of each pair of candidates, (forward candidates, reverse candidates), in [0, 1].

    Args:
        reverse: of the same sentence pairs with their sides swapped.
    """
    assert reverse.lengths == [(target, source) for source, target in forward.lengths], (
        "the same pairs, swapped"
    )
    matches = np.zeros((len(forward.candidates), len(reverse.candidates)))
    for sources, targets in zip(forward.best, reverse.best, strict=True):
        if sources.shape[-1] and targets.shape[-1]:
            # (reverse, forward, target words): the target word that each linked source word links
            back = targets[:, sources]
            same = (back == np.arange(sources.shape[-1])) & (sources != NO_WORD)
            matches += same.sum(-1).T
    words = sum(source + target for source, target in forward.lengths)
    return 2 * matches / max(words, 1)


def choose_by_agreement(forward: CandidateLinks, reverse: CandidateLinks) -> tuple[Choice, Choice]:
    """The two candidates with the highest agreement, forward's and reverse's.

    The tables hold each candidate's highest agreement with any of the other direction.
    """
    figures = agreement(forward, reverse)
    return (
        best_of(forward.candidates, figures.max(1), largest=True),
        best_of(reverse.candidates, figures.max(0), largest=True),
    )


def choose_by_gold(links: CandidateLinks, gold: Sequence[GoldLinks]) -> Choice:
    """The candidate of least alignment error rate against gold links of the same sentence pairs.

    Raises:
        DataError: the gold has no sure link.
    """
    figures = [score_links(links.links(index), gold).aer for index in range(len(links.candidates))]
    return best_of(links.candidates, np.array(figures), largest=False)


def best_of(
    candidates: list[AlignmentCandidate], figures: NDArray[np.float64], *, largest: bool
) -> Choice:
    """The first of the best, and all in order."""
    order = np.argsort(-figures if largest else figures, kind="stable")
    table = [(candidates[index], float(figures[index])) for index in order]
    return Choice(*table[0], table)
