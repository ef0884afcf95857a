"""HMM smoothing of word weights: posteriors of an alignment model with fixed jump probabilities.

Attention weighs each target word by itself; where a word occurs three times in the source, it can
only guess. But words are translated in runs: from one target word to the next the aligned source
word mostly moves on by one. A hidden Markov model with source words as states and the weights as
emissions has that preference, and its posteriors replace the weights.

Source: Vogel, Ney and Tillmann 1996, "HMM-Based Word Alignment in Statistical Translation", section
3. Jump probabilities are fixed here instead of learned: learning them from text without links gave
worse links on held-out text of the same kind, and hardly better ones on other text.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

JUMP_SCALE = 2.0  # words of distance from a move by one that make a jump e times less probable
UNIFORM_JUMP = 0.01  # probability of a jump over any distance, relative to that of a move by one
MIN_EMISSION = 0.003  # of a source word without weight, relative to that of the best


def hmm_posteriors(weights: Floats) -> Floats:
    """The posterior probability of each link between target and source words.

    Args:
        weights: (target words, source words); rows need not sum to one. Those below zero, which
            signed attention weights may be, count as zero.

    Returns:
        The same shape. Rows sum to one; a target word without any weight keeps its zeros.
    """
    if not weights.size:
        return weights
    weights = weights.clip(min=0)
    best = weights.max(1, keepdims=True)
    emissions = np.divide(weights, best, out=np.ones_like(weights), where=best > 0) + MIN_EMISSION
    positions = np.arange(weights.shape[1])
    transitions = jump_weights(positions[None] - positions[:, None])
    transitions /= transitions.sum(1, keepdims=True)
    initial = jump_weights(positions + 1)
    forward, backward = np.empty_like(emissions), np.ones_like(emissions)
    for t, emission in enumerate(emissions):
        message = (initial if t == 0 else forward[t - 1] @ transitions) * emission
        forward[t] = message / message.sum()
    for t in range(len(emissions) - 1, 0, -1):
        message = transitions @ (emissions[t] * backward[t])
        backward[t - 1] = message / message.sum()
    posteriors: Floats = forward * backward * (best > 0)
    posteriors /= np.where(best > 0, posteriors.sum(1, keepdims=True), 1.0)
    return posteriors


def jump_weights(distance: NDArray[np.int64]) -> Floats:
    """Unnormalised probability of a move over these distances, in source words."""
    weights: Floats = np.exp(-np.abs(distance - 1) / JUMP_SCALE) + UNIFORM_JUMP
    return weights
