"""Two directions that align a sentence pair together, by the product of their weights.

The weights of a target word over source words come from one model, those of a source word over target words from one of
the other direction. What only one of them believes has a small product; what both find likely is linked even where
neither finds it likeliest. Hard links of the two, made one afterwards, cannot know that. Source: Liang, Taskar & Klein
2006, "Alignment by Agreement", section 3.2, which multiplies the posteriors of two aligners.

Both directions then read the product in company (`seq2seq.alignment.hmm`), and their chances are multiplied as well.
"""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seq2seq.alignment.hmm import Floats, hmm_posteriors
from seq2seq.alignment.links import Links, swap_links

TRUST = (
    0.25  # power of the product beside an association, which tells more than one sentence pair can
)


def joint_weights(forward: Tensor, reverse: Tensor) -> NDArray[np.float32]:
    """(target words, source words): what both directions give each pair of words.

    Args:
        forward: (target words, source words) of one direction.
        reverse: (source words, target words) of the other. Where one of the models had to cut the sentence off before
            the other, only words that both have read are kept.
    """
    targets, sources = min(len(forward), reverse.shape[1]), min(forward.shape[1], len(reverse))
    product = forward[:targets, :sources].double() * reverse[:sources, :targets].double().mT
    found: NDArray[np.float32] = product.float().cpu().numpy()
    return found


def bidirectional_links(
    product: NDArray[np.float32], association: Floats | None = None, *, threshold: float = 0.0
) -> tuple[Links, Links]:
    """The best source word of every target word, and the best target word of every source word, as both see it.

    Args:
        product: see `joint_weights`.
        association: of the same words, from other sentence pairs; see `seq2seq.alignment.lexicon`.
        threshold: from 0 to 1, a word whose best link has no greater chance is not linked. At 0 those are the words
            whose products are all zero.

    Returns:
        Both as (source, target), ready to be symmetrized.
    """
    likely = product.astype(np.float64)
    if association is not None:
        likely = likely**TRUST * association[: likely.shape[0], : likely.shape[1]]
    chances = hmm_posteriors(likely) * hmm_posteriors(likely.T).T
    return best_links(chances, threshold), swap_links(best_links(chances.T, threshold))


def best_links(chances: Floats, threshold: float) -> Links:
    """Every row's first best column, as (column, row), if its chance is above the threshold."""
    if not chances.size:
        return frozenset()
    return frozenset(
        (int(row.argmax()), number) for number, row in enumerate(chances) if row.max() > threshold
    )
