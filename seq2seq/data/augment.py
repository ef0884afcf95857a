"""Training rows made longer and cut otherwise: a pure function of (rows, options, seed), drawn once a run."""

import numpy as np

from seq2seq.data.config import AugmentationConfig
from seq2seq.data.rows import TrainRows
from seq2seq.data.subword_splits import cut_rows
from seq2seq.data.tokenizer import Tokenizers

CUTTING, JOINING = 1, 2  # apart from each other, and from the order of batches, for the same seed


def augmented(
    rows: TrainRows,
    config: AugmentationConfig,
    tokenizers: Tokenizers,
    *,
    longest: tuple[int, int],
    seed: int,
) -> TrainRows:
    """Rows as the options describe them.

    Args:
        longest: most subwords of source and target, without </s>; what would be longer stays as it is.
    """
    if config.split_probability:
        random = np.random.Generator(np.random.PCG64([seed, 0, CUTTING]))
        rows = rows.take(np.tile(np.arange(len(rows)), config.split_samples))
        rows = either(cut_rows(rows, tokenizers, config.split_probability, random), rows, longest)
    if config.concatenate > 1:
        random = np.random.Generator(np.random.PCG64([seed, 0, JOINING]))
        rows = concatenated(
            rows, config.concatenate, longest, random, shuffle_targets=config.shuffle_targets
        )
    return rows


def either(wanted: TrainRows, otherwise: TrainRows, longest: tuple[int, int]) -> TrainRows:
    """Row by row the wanted one where it fits."""
    fits = wanted.fits(longest)
    if fits.all():
        return wanted
    numbers = np.arange(len(wanted))
    return wanted.followed_by(otherwise).take(np.where(fits, numbers, numbers + len(wanted)))


def concatenated(
    rows: TrainRows,
    most: int,
    longest: tuple[int, int],
    random: np.random.Generator,
    *,
    shuffle_targets: bool = False,
) -> TrainRows:
    """Rows of 1 to `most` rows in random order, each number as likely as any other. Every row is in one of them.

    The ids of joined text are the ids joined, for no subword crosses a space.
    """
    count = len(rows)
    rows = rows.take(random.permutation(count))
    ends = np.cumsum(random.integers(1, most + 1, count))
    starts = np.append(0, ends[ends < count])
    too_long = ~TrainRows(rows.source, rows.target).joined(starts).fits(
        longest
    )  # links have no part in it
    apart = np.flatnonzero(too_long.repeat(np.diff(starts, append=count)))
    starts = np.union1d(starts, apart)
    if not shuffle_targets:
        return rows.joined(starts)
    row = np.repeat(np.arange(len(starts)), np.diff(starts, append=count))
    return rows.joined(starts, np.lexsort((random.random(count), row)))
