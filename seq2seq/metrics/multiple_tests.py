"""Correction of p-values for the number of tests that were made.

Source: Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure".
"""

from collections.abc import Sequence


def holm_corrected(p_values: Sequence[float]) -> list[float]:
    """P-values that can each be held against the level of one test, in the order given.

    The k-th smallest of m values, counted from 0, is multiplied by m - k, and none becomes smaller
    than one before it. The probability of any false finding among those at or below the level is
    at most the level, whether or not the tests depend on one another.
    """
    corrected = [1.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected
