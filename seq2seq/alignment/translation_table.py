"""Probabilities of target words given source words, learned from expected counts.

Source: Brown et al. 1993, "The Mathematics of Statistical Machine Translation"; with the prior,
Riley and Gildea 2012, "Improving the IBM Alignment Models Using Variational Bayes".
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seq2seq.alignment.hmm import Floats
from seq2seq.alignment.pair_groups import PairGroup

NULL = 0  # the source word that words without counterpart are translations of
SMALLEST = 1e-30  # probability of a translation that has become impossible


class TranslationTable:
    """p(target word | source word) of the words that occur together in some pair.

    Args:
        groups: the sentence pairs.
        concentration: of a symmetric Dirichlet prior of each source word's translations, whose
            mean-field posterior replaces relative counts; 0 is maximum likelihood.

    Attributes:
        cells: for each group (N, T, 1 + S) entries of the table, the null word first.
        entries: (K,) probabilities.
    """

    def __init__(self, groups: Sequence[PairGroup], concentration: float) -> None:
        self.concentration = concentration
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

    def _keys(self, group: PairGroup) -> NDArray[np.int64]:
        sources = np.pad(group.source, ((0, 0), (1, 0)), constant_values=NULL)
        keys: NDArray[np.int64] = sources[:, None] * self.num_targets + group.target[:, :, None]
        return keys.ravel()

    def learn(self, posteriors: Floats) -> None:
        """The M-step.

        Args:
            posteriors: of all cells, those of the groups one after the other.
        """
        counts = np.bincount(self._flat, posteriors, minlength=len(self.entries))
        totals = np.bincount(self._sources, counts)
        if self.concentration:
            kinds = np.bincount(self._sources)
            logarithms = digamma((counts + self.concentration).astype(np.float64))
            masses = totals + self.concentration * np.maximum(kinds, 1)
            logarithms -= digamma(masses.astype(np.float64))[self._sources]
            self.entries = np.exp(logarithms)
        else:
            self.entries = counts / np.maximum(totals, SMALLEST)[self._sources]
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
