"""Random numbers that are a function of what they are drawn for, with no generator to remember.

Source: SplitMix64 of Steele et al. 2014, "Fast Splittable Pseudorandom Number Generators".
"""

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def keys_of(rows: NDArray[np.int64], *numbers: int) -> Keys:
    """(B,) a key for each of these rows and all numbers, such as seed and epoch."""
    key = np.zeros(1, np.uint64)
    for number in np.array(numbers, np.uint64).reshape(-1, 1):
        key = mixed(key + number * GOLDEN)
    return mixed(key + rows.astype(np.uint64) * GOLDEN)


def uniform(keys: Keys, counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Numbers above 0 and up to 1: counts[i] of them for keys[i], one key after the other."""
    before = np.cumsum(counts) - counts
    number = np.arange(int(counts.sum())) - np.repeat(before, counts) + 1
    bits = mixed(np.repeat(keys, counts) + number.astype(np.uint64) * GOLDEN)
    drawn: NDArray[np.float64] = ((bits >> np.uint64(11)) + np.uint64(1)).astype(np.float64)
    return drawn * 2.0**-53


def mixed(x: Keys) -> Keys:
    """The finaliser of SplitMix64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    finished: Keys = x ^ (x >> np.uint64(31))
    return finished
