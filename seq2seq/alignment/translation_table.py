"""Probabilities of target words given source words, learned from expected counts.

Words that are spelled alike begin with ALIKE_COUNT translations more than others, by the prior.

Source: Brown et al. 1993, "The Mathematics of Statistical Machine Translation"; with the prior,
Riley and Gildea 2012, "Improving the IBM Alignment Models Using Variational Bayes".
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seq2seq.alignment.hmm import Floats
from seq2seq.alignment.pair_groups import Integers, PairGroup

NULL = 0  # the source word that words without counterpart are translations of
ALIKE_COUNT = 1.0  # of translations, which words that are spelled alike have beforehand
ALIKE_START = 10.0  # their probability at the start, relative to that of others
SMALLEST = 1e-30  # probability of a translation that has become impossible


class TranslationTable:
    """p(target word | source word) of the words that occur together in some pair.

    Args:
        groups: the sentence pairs.
        concentration: of a Dirichlet prior of each source word's translations, whose mean-field
            posterior replaces relative counts; 0 without `beginnings` is maximum likelihood.
        beginnings: of each word, from 1, of the source and of the target side; see
            `word_beginnings`.

    Attributes:
        cells: for each group (N, T, 1 + S) entries of the table, the null word first.
        entries: (K,) probabilities.
    """

    def __init__(
        self,
        groups: Sequence[PairGroup],
        concentration: float,
        beginnings: tuple[Integers, Integers] | None = None,
    ) -> None:
        self.num_targets = 1 + max((int(group.target.max()) for group in groups), default=0)
        keys = np.concatenate([np.zeros(0, np.int64), *map(self._keys, groups)])
        found, cells = np.unique(keys, return_inverse=True)
        self._flat = cells.ravel().astype(np.int32)
        self._sources = found // self.num_targets
        self.cells = []
        first = 0
        for group in groups:
            shape = (*group.target.shape, group.source.shape[1] + 1)
            last = first + int(np.prod(shape))
            self.cells.append(self._flat[first:last].reshape(shape))
            first = last
        self.entries: Floats = np.full(len(found), 1 / self.num_targets)
        self._prior: Floats = np.full(len(found), concentration)
        if beginnings is not None:
            of_source, of_target = (np.concatenate([[NULL], side]) for side in beginnings)
            alike = of_source[self._sources] == of_target[found % self.num_targets]
            alike &= self._sources != NULL
            self._prior[alike] += ALIKE_COUNT
            self.entries[alike] *= ALIKE_START

    def _keys(self, group: PairGroup) -> NDArray[np.int64]:
        sources = np.pad(group.source, ((0, 0), (1, 0)), constant_values=NULL)
        keys: NDArray[np.int64] = sources[:, None] * self.num_targets + group.target[:, :, None]
        return keys.ravel()

    def learn(self, posteriors: Floats) -> None:
        """The M-step.

        Args:
            posteriors: of all cells, those of the groups one after the other.
        """
        counts = np.bincount(self._flat, posteriors, minlength=len(self.entries)) + self._prior
        totals = np.maximum(np.bincount(self._sources, counts), SMALLEST)[self._sources]
        if self._prior.any():
            self.entries = np.exp(digamma(counts) - digamma(totals))
        else:
            self.entries = counts / totals
        np.maximum(self.entries, SMALLEST, out=self.entries)


def digamma(numbers: Floats) -> Floats:
    """The logarithmic derivative of the gamma function, for positive numbers.

    Source: Abramowitz and Stegun 1964, 6.3.5 and 6.3.18.
    """
    shift = np.zeros_like(numbers)
    for step in range(6):
        shift -= 1 / (numbers + step)
    moved = numbers + 6
    square = 1 / (moved * moved)
    series = square * (1 / 12 - square * (1 / 120 - square * (1 / 252 - square / 240)))
    result: Floats = np.log(moved) - 0.5 / moved - series + shift
    return result
