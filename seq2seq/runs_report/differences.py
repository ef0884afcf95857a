"""How configurations differ from a baseline: over seeds that both have, with corrected p-values.

A difference is tested by approximate randomisation over the sentences of the test text, those of
the seeds that both have following one another: of all seeds where both have the same ones, else of
those of the baseline that the other has too. It holds for these seeds and this text. The p-values
of a column are corrected for their number by Holm's method.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from seq2seq.errors import DataError
from seq2seq.metrics.base import METRICS, Metric
from seq2seq.metrics.multiple_tests import holm_corrected
from seq2seq.metrics.protocol import Scoring, ScoringProtocol
from seq2seq.metrics.significance import randomized_p_value
from seq2seq.runs_report.run_result import Basis, RunValue

LEVEL = 0.05  # of a corrected p-value, from which on a difference is not marked


@dataclass(frozen=True)
class BaselineDifference:
    """A configuration beside the baseline, by one metric.

    Attributes:
        difference: of the means over the seeds, positive where the configuration scores higher.
        seeds: that both have.
        p_value: of the test over their sentences.
        corrected: the same for the number of tests in the column.
    """

    difference: float
    seeds: tuple[int, ...]
    p_value: float
    corrected: float = 1.0

    @property
    def is_significant(self) -> bool:
        return self.corrected < LEVEL


@dataclass
class KnownTests:
    """P-values of tests that were made, so that none is made twice.

    Attributes:
        p_values: by metric, and what baseline and configuration were tested by.
    """

    p_values: dict[tuple[str, str, str], float] = field(default_factory=dict)


def differences_of(
    metric: str,
    values: Mapping[str, Mapping[int, RunValue]],
    baseline: str,
    tests: KnownTests,
) -> dict[str, BaselineDifference]:
    """The difference of each configuration that shares a seed with the baseline.

    Args:
        values: of all configurations by seed; they share their basis.
        tests: to which the tests that are made here are added.

    Raises:
        DataError: a test is neither known nor can be made, because results were stored without
            the statistics of the sentences.
    """
    differences = {}
    for label, system in values.items():
        seeds = tuple(sorted(system.keys() & values[baseline].keys()))
        if label == baseline or not seeds:
            continue
        first, second = ([side[seed] for seed in seeds] for side in (values[baseline], system))
        key = metric, digests_of(first), digests_of(second)
        if key not in tests.p_values:
            tests.p_values[key] = tested(metric, label, first, second)
        means = [float(np.mean([entry.value for entry in side])) for side in (first, second)]
        differences[label] = BaselineDifference(means[1] - means[0], seeds, tests.p_values[key])
    corrected = holm_corrected([entry.p_value for entry in differences.values()])
    pairs = zip(differences.items(), corrected, strict=True)
    return {label: replace(entry, corrected=value) for (label, entry), value in pairs}


def digests_of(values: Sequence[RunValue]) -> str:
    """What a side of a test is known by: the statistics of its seeds."""
    return " ".join(entry.digest for entry in values)


def tested(
    name: str, label: str, baseline: Sequence[RunValue], system: Sequence[RunValue]
) -> float:
    """The p-value of a configuration against the baseline; raises as `differences_of`."""
    tables = [[entry.statistics for entry in side] for side in (baseline, system)]
    first, second = ([table for table in side if table is not None] for side in tables)
    if len(first) < len(baseline) or len(second) < len(system):
        raise DataError(
            f"{label}: these results were stored without the statistics of their sentences, so "
            "that only the tests stored with them are known; give the baseline that they were "
            "stored with, or the folders of the runs"
        )
    metric = metric_of(name, baseline[0].basis)
    return randomized_p_value(metric, list(np.concatenate(first)), list(np.concatenate(second)))


def metric_of(name: str, basis: Basis) -> Metric:
    """The metric that values of this basis were scored by."""
    scoring = Scoring(basis["target language"], ScoringProtocol(basis["protocol"]))
    return METRICS[name](scoring)
