"""Bootstrap and randomisation over the sentences of a test set.

Numbers are drawn as sacrebleu draws them, so intervals and p-values are those of its command with
the same seed.
"""

from collections.abc import Sequence

import numpy as np

from seq2seq.metrics.base import Metric, Statistics

DEFAULT_SEED = 12345  # as sacrebleu
TAIL = 40  # 1/40 on each side is outside of a 95 % interval
MIN_BOOTSTRAP = TAIL  # with fewer resamples the interval would be the range of all of them
TRIALS_AT_ONCE = 500  # rows of weights that are multiplied together, to bound memory


def bootstrap_scores(
    metric: Metric, statistics: Sequence[Statistics], n_bootstrap: int, seed: int
) -> np.ndarray:
    """Scores of resampled test sets, (n_bootstrap,): sentences are drawn with replacement."""
    generator = np.random.default_rng(seed)
    count = len(statistics)
    rows = generator.choice(count, size=(n_bootstrap, count), replace=True)
    table = np.array(statistics, dtype=np.float32)
    return np.array([metric.from_statistics(table[sample].sum(0)) for sample in rows])


def interval(scores: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of resampled scores (Koehn 2004), centred at their mean.

    It spans as much as the central 95 % of the scores do, which `sacrebleu --confidence` prints as
    mean and half width.
    """
    values = np.sort(scores)
    outside = len(values) // TAIL
    half = float(values[-1 - outside] - values[outside]) / 2
    mean = sum(values.tolist()) / len(values)
    return mean - half, mean + half


def bootstrap_p_value(difference: float, baseline: np.ndarray, system: np.ndarray) -> float:
    """The p-value of a difference of scores by paired bootstrap (Koehn 2004).

    Args:
        baseline, system: scores of both on the same resamples, (samples,).
    """
    differences = np.abs(system - baseline)
    return tail_probability(differences - differences.mean(), abs(difference))


def randomization_p_value(
    metric: Metric,
    baseline: Sequence[Statistics],
    system: Sequence[Statistics],
    difference: float,
    *,
    trials: int,
    seed: int,
) -> float:
    """The two-sided p-value of a difference by approximate randomisation (Riezler & Maxwell 2005).

    In each trial, the outputs of both systems for a sentence are swapped with probability 1/2.
    """
    generator = np.random.default_rng(seed)
    swaps = generator.integers(2, size=(trials, len(system)), dtype=bool)
    first, second = (np.array(table, dtype=np.float64) for table in (baseline, system))

    def score(is_first: np.ndarray) -> np.ndarray:
        sums = is_first.astype(np.float64) @ first + (~is_first).astype(np.float64) @ second
        return np.array([metric.from_statistics(row) for row in sums])

    differences = [
        np.abs(score(part) - score(~part))
        for part in np.split(swaps, range(TRIALS_AT_ONCE, trials, TRIALS_AT_ONCE))
    ]
    return tail_probability(np.concatenate(differences), abs(difference))


def tail_probability(samples: np.ndarray, observed: float) -> float:
    """The share of samples above the observed value, which is counted as one of them."""
    return float((np.sum(samples > observed) + 1) / (len(samples) + 1))
