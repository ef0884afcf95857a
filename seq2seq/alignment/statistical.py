"""A statistical word aligner: IBM model 1 with a diagonal prior, then a hidden Markov model.

It learns from the text that it aligns, without any links. Each target word is a translation of one
source word, or of the null word. First that source word depends on its place alone,

    p(i | j) = (1 - NULL_PROBABILITY) exp(-steepness |i / S - j / T|) / Z_j,

with a learned steepness (Dyer, Chahuneau and Smith 2013, "A Simple, Fast, and Effective
Reparameterization of IBM Model 2"); then on the one before,

    p(i | i') = (1 - NULL_PROBABILITY) weight(i - i') / Z_i',

with learned weights of jumps (Vogel, Ney and Tillmann 1996, "HMM-Based Word Alignment in
Statistical Translation"). A word of the null word keeps the place of the word before it (Och and
Ney 2003, "A Systematic Comparison of Various Statistical Alignment Models", section 2.1.2). Both
are learned by expectation maximisation; nothing is random. The prior of translations prefers words
that are spelled alike (`seq2seq.alignment.spelling`).
"""

from collections.abc import Callable, Sequence

import numpy as np

from seq2seq.alignment.hmm import Floats
from seq2seq.alignment.pair_groups import Integers, PairGroup
from seq2seq.alignment.translation_table import SMALLEST, TranslationTable

NULL_PROBABILITY = 0.2
STEEPNESS = 4.0  # of the diagonal prior, at the start
STEEPNESS_RANGE = (0.1, 20.0)
STEEPNESS_STEPS, STEEPNESS_RATE = 8, 20.0
LONGEST_JUMP = 7  # longer ones share a weight with it
CONCENTRATION = 0.01
DIAGONAL_ROUNDS, HMM_ROUNDS = 5, 5
ALL_ROUNDS = DIAGONAL_ROUNDS + HMM_ROUNDS


class DirectedAligner:
    """Aligns each target word to a source word or to none.

    Args:
        groups: sentence pairs to learn from and to align.
        concentration, beginnings: see `TranslationTable`.
    """

    def __init__(
        self,
        groups: Sequence[PairGroup],
        *,
        concentration: float = CONCENTRATION,
        beginnings: tuple[Integers, Integers] | None = None,
    ) -> None:
        self.table = TranslationTable(groups, concentration, beginnings)
        self.steepness = STEEPNESS
        distances = np.arange(-LONGEST_JUMP, LONGEST_JUMP + 1)
        self.jumps: Floats = np.exp(-np.abs(distances - 1) / 2.0)

    def learn(self, progress: Callable[[int], None]) -> list[Floats]:
        """Posteriors (N, T, 1 + S) of each group, the null word first. Rows sum to one.

        Args:
            progress: called with the number of rounds just done.
        """
        for _ in range(DIAGONAL_ROUNDS):
            self.diagonal_round()
            progress(1)
        for _ in range(HMM_ROUNDS - 1):
            self.hmm_round()
            progress(1)
        posteriors = [self._chain(cells)[0] for cells in self.table.cells]
        progress(1)
        return posteriors

    def diagonal_round(self) -> float:
        """A step of model 1; the log-likelihood before it."""
        posteriors, likelihood = [], 0.0
        observed = words = 0.0
        for cells in self.table.cells:
            joint = self.table.entries[cells] * diagonal_prior(cells.shape, self.steepness)
            totals = joint.sum(-1, keepdims=True)
            likelihood += float(np.log(totals).sum())
            joint /= totals
            linked = joint[:, :, 1:].sum(0)
            observed += float((linked * off_diagonal(linked.shape)).sum())
            words += float(linked.sum())
            posteriors.append(joint.ravel())
        self.table.learn(np.concatenate([np.zeros(0), *posteriors]))
        self._learn_steepness(observed / max(words, SMALLEST))
        return likelihood

    def _learn_steepness(self, observed: float) -> None:
        """Climb to where the expected distance from the diagonal is the observed one."""
        shapes = [cells.shape for cells in self.table.cells]
        words = sum(shape[0] * shape[1] for shape in shapes)
        for _ in range(STEEPNESS_STEPS):
            expected = sum(
                shape[0]
                * float(
                    (
                        diagonal_prior(shape, self.steepness)[:, 1:]
                        * off_diagonal((shape[1], shape[2] - 1))
                    ).sum()
                )
                for shape in shapes
            ) / ((1 - NULL_PROBABILITY) * max(words, 1))
            moved = self.steepness + STEEPNESS_RATE * (expected - observed)
            self.steepness = float(np.clip(moved, *STEEPNESS_RANGE))

    def hmm_round(self) -> float:
        """A step of the hidden Markov model; the log-likelihood before it."""
        posteriors, likelihood = [], 0.0
        counts, norms = np.zeros((2, len(self.jumps)))
        for cells in self.table.cells:
            posterior, moves, log_likelihood = self._chain(cells)
            posteriors.append(posterior.ravel())
            likelihood += log_likelihood
            buckets = jump_buckets(cells.shape[2] - 1)
            counts += np.bincount(buckets.ravel(), moves.ravel(), minlength=len(counts))
            leaving = moves.sum(1, keepdims=True) / self.jumps[buckets].sum(1, keepdims=True)
            share = np.broadcast_to(leaving, buckets.shape)
            norms += np.bincount(buckets.ravel(), share.ravel(), minlength=len(norms))
        self.table.learn(np.concatenate([np.zeros(0), *posteriors]))
        # Hunter 2004, "MM algorithms for generalized Bradley-Terry models": never less likely.
        self.jumps = np.where(norms > 0, counts / np.maximum(norms, SMALLEST), self.jumps)
        self.jumps = np.maximum(self.jumps / self.jumps.max(), 1e-6)
        return likelihood

    def _chain(self, cells: Integers) -> tuple[Floats, Floats, float]:
        """Forward-backward over a group.

        Column 0 of a place is before the sentence; the null word keeps a place as it is.

        Returns:
            Posteriors (N, T, 1 + S), expected moves (1 + S, S) from place to place, summed over
            pairs and words, and the log-likelihood.
        """
        emissions = self.table.entries[cells]
        scales = emissions.max(-1, keepdims=True)
        emissions /= scales
        pairs, words, places = cells.shape
        weights = self.jumps[jump_buckets(places - 1)]
        move = (1 - NULL_PROBABILITY) * weights / weights.sum(1, keepdims=True)
        null = NULL_PROBABILITY * emissions[:, :, :1]
        before = np.zeros((words + 1, pairs, places))
        before[0, :, 0] = 1
        norms = np.empty((words, pairs, 1))
        for t in range(words):
            after = before[t] * null[:, t]
            after[:, 1:] += (before[t] @ move) * emissions[:, t, 1:]
            norms[t] = after.sum(1, keepdims=True)
            before[t + 1] = after / norms[t]
        moves, backward = np.zeros_like(move), np.ones((pairs, places))
        posteriors = np.empty_like(emissions)
        for t in range(words - 1, -1, -1):
            backward /= norms[t]
            arriving = emissions[:, t, 1:] * backward[:, 1:]
            moves += before[t].T @ arriving
            posteriors[:, t, 1:] = (before[t] @ move) * arriving
            kept = null[:, t] * backward
            posteriors[:, t, 0] = (before[t] * kept).sum(1)
            backward = arriving @ move.T + kept
        posteriors /= posteriors.sum(-1, keepdims=True)
        return posteriors, moves * move, float(np.log(norms).sum() + np.log(scales).sum())


def off_diagonal(shape: tuple[int, ...]) -> Floats:
    """(T, S) the distance of each cell from the diagonal, between 0 and 1."""
    words, places = shape
    rows, columns = (np.arange(size) + 1.0 for size in (words, places))
    distance: Floats = np.abs(rows[:, None] / words - columns / places)
    return distance


def diagonal_prior(shape: tuple[int, ...], steepness: float) -> Floats:
    """(T, 1 + S) probability of each source word by its place, the null word first."""
    weights = np.exp(-steepness * off_diagonal((shape[1], shape[2] - 1)))
    weights *= (1 - NULL_PROBABILITY) / weights.sum(1, keepdims=True)
    prior: Floats = np.full((shape[1], shape[2]), NULL_PROBABILITY)
    prior[:, 1:] = weights
    return prior


def jump_buckets(places: int) -> Integers:
    """(1 + S, S) the weight's number of a jump from each place, the start first, to each other."""
    distances = np.arange(places) - np.arange(-1, places)[:, None]
    buckets: Integers = np.clip(distances, -LONGEST_JUMP, LONGEST_JUMP) + LONGEST_JUMP
    return buckets
