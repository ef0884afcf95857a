"""Which layer, head and reading of cross-attention align best, judged on a development set.

A candidate is a decoder layer, one of its heads or the mean of all, and a reading (see `seq2seq.alignment.extract`).
Each links every target word to its best source word. What speaks for one is

    its error rate       where gold links are known (`choose_by_gold`), or
    its agreement        with a model of the other direction (`choose_by_agreement`): 2 |F n R| / (I + J), with links F
                         of one model, swapped links R of the other, and I and J words in the sentences, over the
                         corpus. The pair of candidates that agrees most is chosen. Two models err differently, so what
                         both say is mostly right. Source: Liang et al. 2006, "Alignment by Agreement"; Chen et al.
                         2020 (arXiv:2004.14837), section 3.3, which chooses layers so.

Where every word is linked this is the F1 (Dice) of the two alignments. Words are counted instead of links, so that two
candidates that link next to nothing, and those links equally, do not seem to agree. Two that always look at one place,
such as the first word, share one link a sentence.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.alignment.error_rate import score_links
from seq2seq.alignment.links import GoldLinks, Links
from seq2seq.alignment.words import NO_WORD


@dataclass(frozen=True)
class Candidate:
    """A layer from 0, heads from 0 (none for the mean of all, as in AlignmentConfig), and a reading."""

    layer: int
    heads: tuple[int, ...]
    use_input_row: bool

    def applied_to(self, config: AlignmentConfig) -> AlignmentConfig:
        """The options with this layer, heads and reading."""
        return replace(
            config, layer=self.layer, heads=list(self.heads), use_input_row=self.use_input_row
        )


@dataclass(frozen=True)
class CandidateLinks:
    """Links of every candidate over a corpus.

    Attributes:
        best: for each sentence pair (candidates, target words) the source word that is linked, or NO_WORD.
        lengths: (source words, target words) of each sentence pair.
    """

    candidates: list[Candidate]
    best: list[NDArray[np.int64]]
    lengths: list[tuple[int, int]]

    def links(self, candidate: int) -> list[Links]:
        """Of one candidate, for each sentence pair."""
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
        figure: its agreement, or its error rate; between 0 and 1.
        table: every candidate with its figure, best first.
    """

    candidate: Candidate
    figure: float
    table: list[tuple[Candidate, float]]


def list_candidates(layers: Iterable[int], num_heads: int, rows: Sequence[bool]) -> list[Candidate]:
    """Candidates by layer, then by group of heads, then by row; rows: values of `use_input_row`."""
    return [
        Candidate(layer, heads, use_input_row)
        for layer in layers
        for heads in head_groups(num_heads)
        for use_input_row in rows
    ]


def head_groups(num_heads: int) -> list[tuple[int, ...]]:
    """The groups of heads to try: the mean of all, written (), and each head alone."""
    return [(), *((head,) for head in range(num_heads) if num_heads > 1)]


def best_words(weights: Tensor) -> NDArray[np.int64]:
    """The best source word of every target word, as `hard_links` with the method argmax finds it.

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
    """How far the candidates of two directions agree, (forward candidates, reverse candidates), between 0 and 1.

    Args:
        reverse: of the same sentence pairs with their sides swapped.
    """
    assert reverse.lengths == [(target, source) for source, target in forward.lengths], (
        "the same pairs, swapped"
    )
    matched = np.zeros((len(forward.candidates), len(reverse.candidates)))
    for sources, targets in zip(forward.best, reverse.best, strict=True):
        if sources.shape[-1] and targets.shape[-1]:
            back = targets[
                :, sources
            ]  # (reverse, forward, target words): where each linked source word links to
            same = (back == np.arange(sources.shape[-1])) & (sources != NO_WORD)
            matched += same.sum(-1).T
    words = sum(source + target for source, target in forward.lengths)
    return 2 * matched / max(words, 1)


def choose_by_agreement(forward: CandidateLinks, reverse: CandidateLinks) -> tuple[Choice, Choice]:
    """The pair of candidates that agrees most, forward's and reverse's. A table has what each agrees on at most."""
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


def best_of(candidates: list[Candidate], figures: NDArray[np.float64], *, largest: bool) -> Choice:
    """The first of the best, and all in order."""
    order = np.argsort(-figures if largest else figures, kind="stable")
    table = [(candidates[index], float(figures[index])) for index in order]
    return Choice(*table[0], table)
