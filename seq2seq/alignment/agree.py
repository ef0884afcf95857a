"""Two directions that align a sentence pair together, by the product of their weights.

The weights of a target word over source words come from one model, those of a source word over target words from one of
the other direction. What only one of them believes has a small product; what both find likely is linked even where
neither finds it likeliest. Hard links of the two, made one afterwards, cannot know that. Source: Liang, Taskar & Klein
2006, "Alignment by Agreement", section 3.2, which multiplies the posteriors of two aligners.

Both directions then read the product in company (`seq2seq.alignment.chain`), and their chances are multiplied as well.
"""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seq2seq.alignment.chain import chained
from seq2seq.alignment.links import Links, swap_links


def agreed_links(forward: Tensor, reverse: Tensor) -> tuple[Links, Links]:
    """The best source word of every target word, and the best target word of every source word, as both see it.

    Args:
        forward: (target words, source words) of one direction.
        reverse: (source words, target words) of the other.

    Returns:
        Both as (source, target), ready to be symmetrized. A word whose products are all zero is not linked, nor is one
        that only one of the models read, the other having cut the sentence off before it.
    """
    targets, sources = min(len(forward), reverse.shape[1]), min(forward.shape[1], len(reverse))
    product = (forward[:targets, :sources].double() * reverse[:sources, :targets].double().mT).cpu().numpy()
    chances = chained(product) * chained(product.T).T
    return best_links(chances), swap_links(best_links(chances.T))


def best_links(chances: NDArray[np.float64]) -> Links:
    """Every row's first best column, unless there is none, as (column, row)."""
    if not chances.size:
        return frozenset()
    return frozenset((int(row.argmax()), number) for number, row in enumerate(chances) if row.max() > 0)
