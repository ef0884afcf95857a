"""Tests of whether two systems differ by more than the choice of test sentences explains.

Both tests compare systems with a baseline on the same references:

    randomization    approximate randomisation, two-sided: the outputs of both systems are swapped
                     at random (Riezler & Maxwell 2005, "On Some Pitfalls in Automatic Evaluation
                     and Significance Testing for MT", aclanthology.org/W05-0908)
    bootstrap        paired bootstrap: both systems are scored on resampled sentences (Koehn 2004,
                     "Statistical Significance Tests for Machine Translation Evaluation",
                     aclanthology.org/W04-3250). Its p-values for real differences are one-sided,
                     about half as large.

They hold for the test set only. Training again with another seed is a second source of variance,
which neither test measures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from seq2seq.errors import ConfigError, DataError, choices
from seq2seq.metrics.base import Metric, Statistics, summed
from seq2seq.metrics.resampling import (
    DEFAULT_SEED,
    bootstrap_p_value,
    bootstrap_scores,
    interval,
    randomization_p_value,
)
from seq2seq.metrics.score import Scorer, ensure_sentences


class SignificanceTest(Enum):
    """A test, by its name in sacrebleu's signatures."""

    randomization = "ar"
    bootstrap = "bs"


SAMPLES = {SignificanceTest.randomization: 10_000, SignificanceTest.bootstrap: 1000}


@dataclass(frozen=True)
class SignificanceRow:
    """One metric of one system: a row of a table.

    Attributes:
        metric: its name.
        system: its name.
        score: on the whole test set.
        confidence: 95 % interval of the score by bootstrap resampling.
        difference: score minus that of the baseline; None for the baseline itself.
        p_values: by test, the probability of a difference this large if the systems were equally
            good; empty for the baseline.
    """

    metric: str
    system: str
    score: float
    confidence: tuple[float, float]
    difference: float | None
    p_values: Mapping[SignificanceTest, float]


def compare_systems(
    systems: Mapping[str, Sequence[str]],
    references: Sequence[str],
    scorer: Scorer,
    *,
    baseline: str,
) -> list[SignificanceRow]:
    """Compare systems with a baseline, by every metric and both tests.

    Args:
        systems: hypotheses by name of system, one per reference.
        references: detokenised text, one string per sentence.
        baseline: the name of the system that the others are compared with.

    Returns:
        Rows by metric, and for each the baseline first and the other systems in their order.

    Raises:
        ConfigError: fewer than two systems, or the baseline is not one of them.
        DataError: a system that does not have one hypothesis per reference; the message names it.
    """
    ensure_comparable(systems, references, baseline)
    names = [baseline] + [name for name in systems if name != baseline]
    prepared = {name: scorer.prepare(systems[name]) for name in names}
    prepared_references = scorer.prepare(references)
    rows = []
    for metric in scorer.metrics:
        statistics = {
            name: metric.statistics(texts, prepared_references) for name, texts in prepared.items()
        }
        rows += metric_rows(metric, statistics, baseline)
    return rows


def metric_rows(
    metric: Metric, statistics: Mapping[str, Sequence[Statistics]], baseline: str
) -> list[SignificanceRow]:
    """The rows of one metric, from the statistics of each system's sentences."""
    scores = {
        system: metric.from_statistics(summed(sentences))
        for system, sentences in statistics.items()
    }
    n_bootstrap = SAMPLES[SignificanceTest.bootstrap]
    resampled = {
        system: bootstrap_scores(metric, sentences, n_bootstrap, DEFAULT_SEED)
        for system, sentences in statistics.items()
    }
    rows = []
    for system, score in scores.items():
        difference, p_values = None, {}
        if system != baseline:
            difference = score - scores[baseline]
            p_values = {
                SignificanceTest.randomization: randomized_p_value(
                    metric, statistics[baseline], statistics[system]
                ),
                SignificanceTest.bootstrap: bootstrap_p_value(
                    difference, resampled[baseline], resampled[system]
                ),
            }
            if difference == 0:  # the tests count only larger differences, and would find one
                p_values = dict.fromkeys(p_values, 1.0)
        confidence = interval(resampled[system])
        rows.append(SignificanceRow(metric.name, system, score, confidence, difference, p_values))
    return rows


def randomized_p_value(
    metric: Metric, baseline: Sequence[Statistics], system: Sequence[Statistics]
) -> float:
    """The two-sided p-value of a system's difference from a baseline by randomisation.

    Args:
        baseline, system: the statistics of both, sentence by sentence. Those of several test sets,
            or of several seeds of both on one, may follow one another: they are pooled.
    """
    difference = metric.from_statistics(summed(system)) - metric.from_statistics(summed(baseline))
    if difference == 0:  # the test counts only larger differences, and would find one
        return 1.0
    return randomization_p_value(
        metric,
        baseline,
        system,
        difference,
        trials=SAMPLES[SignificanceTest.randomization],
        seed=DEFAULT_SEED,
    )


def signature_with_test(metric: Metric, test: SignificanceTest) -> str:
    """A metric's signature with the test, its samples and its seed, as sacrebleu writes it."""
    references, _, settings = metric.signature.partition("|")
    return f"{references}|{test.value}:{SAMPLES[test]}|seed:{DEFAULT_SEED}|{settings}"


def ensure_comparable(
    systems: Mapping[str, Sequence[str]], references: Sequence[str], baseline: str
) -> None:
    """Refuse a comparison that has no meaning; raises as `compare_systems`."""
    if len(systems) < 2:
        raise ConfigError(
            f"systems: must be a baseline and at least one more, not {len(systems)}; add a system"
        )
    if baseline not in systems:
        raise ConfigError(
            f"baseline: {baseline!r} is no system; {choices(baseline, list(systems))}"
        )
    for name, hypotheses in systems.items():
        try:
            ensure_sentences(hypotheses, references)
        except DataError as error:
            raise DataError(f"system {name}: {error}") from error
