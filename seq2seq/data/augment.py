"""Training pairs concatenated and split into other subwords.

A pure function of (pairs, options, seed), computed once a run.
"""

from dataclasses import replace

import numpy as np

from seq2seq.data.augmentation_config import AugmentationConfig
from seq2seq.data.encoded import EncodedPairs
from seq2seq.data.subword_splits import split_pairs
from seq2seq.data.tokenizers import Tokenizers

SPLITTING, JOINING = 1, 2  # seeds apart from each other and from the order of batches


def augmented(
    pairs: EncodedPairs,
    config: AugmentationConfig,
    tokenizers: Tokenizers,
    *,
    max_lengths: tuple[int, int],
    seed: int,
) -> EncodedPairs:
    """Pairs as the options describe them.

    Args:
        max_lengths: of source and target, ends counted; what would exceed them is not changed.
    """
    if config.split_probability:
        random = np.random.Generator(np.random.PCG64([seed, 0, SPLITTING]))
        pairs = pairs.take(np.tile(np.arange(len(pairs)), config.split_samples))
        split = split_pairs(pairs, tokenizers, config.split_probability, random)
        pairs = where_fitting(split, pairs, max_lengths)
    if config.concatenate > 1:
        random = np.random.Generator(np.random.PCG64([seed, 0, JOINING]))
        pairs = concatenated(
            pairs, config.concatenate, max_lengths, random, shuffle_targets=config.shuffle_targets
        )
    return pairs


def where_fitting(
    changed: EncodedPairs, unchanged: EncodedPairs, max_lengths: tuple[int, int]
) -> EncodedPairs:
    """The changed pairs, with the unchanged one wherever the changed one is too long."""
    fits = changed.fits(*max_lengths)
    if fits.all():
        return changed
    numbers = np.arange(len(changed))
    return changed.followed_by(unchanged).take(np.where(fits, numbers, numbers + len(changed)))


def concatenated(
    pairs: EncodedPairs,
    max_pairs: int,
    max_lengths: tuple[int, int],
    random: np.random.Generator,
    *,
    shuffle_targets: bool = False,
) -> EncodedPairs:
    """Joins of 1 to `max_pairs` pairs in random order, the number drawn uniformly.

    Every pair is in one of them. The ids of joined text are the ids joined, for no subword crosses
    a space.
    """
    count = len(pairs)
    pairs = pairs.take(random.permutation(count))
    ends = np.cumsum(random.integers(1, max_pairs + 1, count))
    starts = np.append(0, ends[ends < count])
    too_long = ~replace(pairs, links=None).joined(starts).fits(*max_lengths)
    separate = np.flatnonzero(too_long.repeat(np.diff(starts, append=count)))
    starts = np.union1d(starts, separate)
    if not shuffle_targets:
        return pairs.joined(starts)
    joined_pair = np.repeat(np.arange(len(starts)), np.diff(starts, append=count))
    return pairs.joined(starts, np.lexsort((random.random(count), joined_pair)))
