"""Joint weights of two models, one of each direction, and the links read from them.

One model gives each target word weights over source words, a model of the other direction gives
each source word weights over target words. A pair of words that only one of them believes in has a
small product; a pair that both find probable is linked even where neither finds it most probable.
Symmetrizing hard links of the two cannot know that. Source: Liang, Taskar and Klein 2006,
"Alignment by Agreement", section 3.2, which multiplies the posteriors of two aligners.

The products are HMM-smoothed in both directions (`seq2seq.alignment.hmm`), and the two posteriors
are multiplied.
"""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seq2seq.alignment.hmm import Floats, hmm_posteriors
from seq2seq.alignment.links import Links, swap_links

# Exponent of joint weights beside a lexicon: its associations come from many sentence pairs.
WEIGHTS_EXPONENT = 0.25


def joint_weights(forward: Tensor, reverse: Tensor) -> NDArray[np.float32]:
    """(target words, source words): the product of both directions' word weights.

    Args:
        forward: (target words, source words) of one direction.
        reverse: (source words, target words) of the other. If one of the models cut the sentence
            pair off before the other, only words that both have read remain.
    """
    targets, sources = min(len(forward), reverse.shape[1]), min(forward.shape[1], len(reverse))
    # Signed weights below zero are no evidence, and two of them even less.
    ahead, back = (x.double().clamp(min=0) for x in (forward, reverse))
    product = ahead[:targets, :sources] * back[:sources, :targets].mT
    weights: NDArray[np.float32] = product.float().cpu().numpy()
    return weights


def bidirectional_links(
    weights: NDArray[np.float32], association: Floats | None = None, *, threshold: float = 0.0
) -> tuple[Links, Links]:
    """The best source word of each target word, and the best target word of each source word.

    Args:
        weights: joint weights, see `joint_weights`.
        association: (target words, source words) from a lexicon, see `seq2seq.alignment.lexicon`.
        threshold: between 0 and 1. A word whose best link has at most this joint posterior is not
            linked; at 0 that is a word whose joint weights are all zero.

    Returns:
        Both as (source, target), ready to be symmetrized.
    """
    emissions = weights.astype(np.float64)
    if association is not None:
        rows, columns = emissions.shape
        emissions = emissions**WEIGHTS_EXPONENT * association[:rows, :columns]
    posteriors = hmm_posteriors(emissions) * hmm_posteriors(emissions.T).T
    return best_links(posteriors, threshold), swap_links(best_links(posteriors.T, threshold))


def best_links(posteriors: Floats, threshold: float) -> Links:
    """The first best column of each row, as (column, row), if its value exceeds the threshold."""
    if not posteriors.size:
        return frozenset()
    return frozenset(
        (int(row.argmax()), number)
        for number, row in enumerate(posteriors)
        if row.max() > threshold
    )
