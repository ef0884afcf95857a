"""Weights read in company: where a word looks follows from where its neighbours look.

Attention weighs each target word by itself, and where the source has a word three times it can only guess. But words
are translated in runs: from one target word to the next the aligned source word mostly moves on by one. That is a
hidden Markov model whose states are source words and whose emissions are the weights; its posteriors take their place.

Source: Vogel, Ney & Tillmann 1996, "HMM-Based Word Alignment in Statistical Translation", section 3. How likely a jump
is, is fixed here instead of learned: learning it from text, without links, gave worse links on held-out text of the
same kind and hardly better ones on other text.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

REACH = 2.0  # words: a jump is e times less likely for so many words further from a move by one
ANYWHERE = 0.01  # how likely a jump is however far, beside 1 for a move by one
DOUBT = 0.003  # what a source word without weight emits, beside 1 for the best


def hmm_posteriors(table: Floats) -> Floats:
    """The chance that each target word is aligned to each source word, given the weights of the whole sentence.

    Args:
        table: (target words, source words), no weight below zero; rows need not sum to one.

    Returns:
        The same shape. Rows sum to one, but for those of target words that have no weight at all: they stay zero.
    """
    if not table.size:
        return table
    best = table.max(1, keepdims=True)
    emitted = np.divide(table, best, out=np.ones_like(table), where=best > 0) + DOUBT
    places = np.arange(table.shape[1])
    moves = jump(places[None] - places[:, None])
    moves /= moves.sum(1, keepdims=True)
    forward, backward = np.empty_like(emitted), np.ones_like(emitted)
    for t, row in enumerate(emitted):
        reached = (jump(places + 1) if t == 0 else forward[t - 1] @ moves) * row
        forward[t] = reached / reached.sum()
    for t in range(len(emitted) - 1, 0, -1):
        reached = moves @ (emitted[t] * backward[t])
        backward[t - 1] = reached / reached.sum()
    chances: Floats = forward * backward * (best > 0)
    chances /= np.where(best > 0, chances.sum(1, keepdims=True), 1.0)
    return chances


def jump(width: NDArray[np.int64]) -> Floats:
    """How likely a move by so many source words is, beside that of one word forward."""
    likely: Floats = np.exp(-np.abs(width - 1) / REACH) + ANYWHERE
    return likely
