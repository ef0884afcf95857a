"""Means over seeds, and a one-sided test with a known deviation.

The test: with a standard deviation s over seeds that is known, a difference d of the means of n and
m seeds is standard normal, if there is none, after division by s sqrt(1/n + 1/m).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, mean, stdev

ENOUGH_SEEDS = 5  # of one setting, for a deviation that counts as known


@dataclass(frozen=True)
class Spread:
    """Values over the seeds of a setting.

    Attributes:
        deviation: the sample standard deviation; None for one seed.
    """

    mean: float
    deviation: float | None
    count: int

    def text(self, digits: int) -> str:
        """Mean and deviation, with so many decimal places."""
        spread = "" if self.deviation is None else f" ± {self.deviation:.{digits}f}"
        return f"{self.mean:.{digits}f}{spread}"


def spread_of(values: Sequence[float]) -> Spread | None:
    """Mean and deviation; None without values."""
    if not values:
        return None
    return Spread(mean(values), stdev(values) if len(values) > 1 else None, len(values))


def p_value(gain: float, deviation: float, count: int, baseline_count: int) -> float:
    """The probability of at least this gain by chance, if there is no difference.

    Args:
        gain: of the mean over the baseline's mean, positive where it is better.
        deviation: over seeds, known.
        count, baseline_count: seeds of both means.
    """
    scale = deviation * math.sqrt(1 / count + 1 / baseline_count)
    return 1 - NormalDist().cdf(gain / scale)


def known_deviation(stated: float | None, baseline: Spread | None) -> tuple[float, str] | None:
    """The deviation of the test and where it comes from; None if it is not known.

    Args:
        stated: by the user.
        baseline: which tells it if it has ENOUGH_SEEDS.
    """
    if stated is not None:
        return stated, "stated"
    if baseline is None or baseline.count < ENOUGH_SEEDS or not baseline.deviation:
        return None
    return baseline.deviation, f"of {baseline.count} seeds of the baseline"
