"""Is a difference between two systems more than the luck of this test set?

Both tests compare systems with a baseline on the same references, by sacrebleu:

    randomization    approximate randomisation (Riezler & Maxwell 2005, "On Some Pitfalls in Automatic Evaluation and
                     Significance Testing for MT"): outputs of the two systems are swapped at random. Two-sided.
    bootstrap        paired bootstrap resampling (Koehn 2004, "Statistical Significance Tests for Machine Translation
                     Evaluation"): sentences are drawn with replacement, and both systems are scored on each draw.
                     Its p-values for real differences are one-sided, about half as large: it finds more significant.

They speak of the test set only. Training again with another seed is a second source of chance that neither sees.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from seq2seq.errors import ConfigError, DataError, choices
from seq2seq.metrics.protocol import ScoringProtocol, make_metrics, prepare
from seq2seq.metrics.score import DEFAULT_SEED, MIN_BOOTSTRAP, check_texts, sacrebleu_seed

if TYPE_CHECKING:
    from sacrebleu.significance import Result


class SignificanceTest(Enum):
    randomization = "randomization"
    bootstrap = "bootstrap"


SACREBLEU_NAMES = {SignificanceTest.randomization: "ar", SignificanceTest.bootstrap: "bs"}
DEFAULT_SAMPLES = {SignificanceTest.randomization: 10000, SignificanceTest.bootstrap: 1000}
INTERVAL_SAMPLES = 1000  # bootstrap resamples for the intervals that go with randomization


@dataclass(frozen=True)
class SignificanceRow:
    """One system and one metric: a row of a table.

    Attributes:
        system: its name.
        metric: bleu, chrf or ter.
        score: on the whole test set.
        difference: score minus that of the baseline; None for the baseline itself.
        p_value: probability of a difference this large if the systems were equally good; None for the baseline.
        confidence: 95 % interval of the score by bootstrap resampling.
        signature: sacrebleu's, with the test, its samples and its seed.
    """

    system: str
    metric: str
    score: float
    difference: float | None
    p_value: float | None
    confidence: tuple[float, float]
    signature: str


def compare_systems(
    systems: Mapping[str, Sequence[str]],
    references: Sequence[str],
    *,
    baseline: str,
    target_language: str,
    test: SignificanceTest = SignificanceTest.randomization,
    num_samples: int | None = None,
    seed: int = DEFAULT_SEED,
    protocol: ScoringProtocol = ScoringProtocol.cased_13a,
    lowercase: bool = False,
    tokenize: str | None = None,
) -> list[SignificanceRow]:
    """Compare systems with a baseline.

    Args:
        systems: hypotheses by name of system, one per reference.
        references: detokenised text, one string per sentence.
        baseline: the name of the system that the others are compared with.
        test: see the top of this file.
        num_samples: rounds of random swaps, or resamples; None for 10,000 and 1,000.
        seed: the same seed gives the same rows.
        target_language, protocol, lowercase, tokenize: see corpus_scores.

    Returns:
        Rows by system, the baseline first and the others as given, and by metric.

    Raises:
        ConfigError: fewer than two systems, a baseline that is not one of them, too few samples, a negative seed.
        DataError: a system that does not have one hypothesis per reference; the message names it.
    """
    check_comparison(systems, baseline=baseline, num_samples=num_samples, seed=seed)
    for name, hypotheses in systems.items():
        try:
            check_texts(hypotheses, references)
        except DataError as error:
            raise DataError(f"system {name}: {error}") from error

    from sacrebleu.significance import PairedTest

    names = [baseline] + [name for name in systems if name != baseline]
    metrics = make_metrics(
        target_language, protocol=protocol, lowercase=lowercase, tokenize=tokenize
    )
    with sacrebleu_seed(seed):
        signatures, results = PairedTest(
            [(name, prepare(systems[name], protocol, target_language)) for name in names],
            metrics,
            [prepare(references, protocol, target_language)],
            test_type=SACREBLEU_NAMES[test],
            n_samples=num_samples or DEFAULT_SAMPLES[test],
            n_ar_confidence=INTERVAL_SAMPLES if test is SignificanceTest.randomization else -1,
        )()
    columns = dict(zip(metrics, (title for title in results if title != "System"), strict=True))
    return [
        make_row(name, metric, results[title][index], results[title][0], str(signatures[title]))
        for index, name in enumerate(names)
        for metric, title in columns.items()
    ]


def make_row(
    system: str, metric: str, result: "str | Result", baseline: "str | Result", signature: str
) -> SignificanceRow:
    assert not isinstance(result, str), "only the column of names holds strings"
    assert not isinstance(baseline, str), "only the column of names holds strings"
    assert result.mean is not None, "sacrebleu was asked for intervals"
    assert result.ci is not None, "sacrebleu was asked for intervals"
    difference, p_value = None, None
    if result.p_value is not None:
        difference = float(result.score - baseline.score)
        # A difference of zero is never a surprise; sacrebleu counts only larger ones and gives its smallest p-value.
        p_value = float(result.p_value) if difference else 1.0
    interval = (float(result.mean - result.ci), float(result.mean + result.ci))
    return SignificanceRow(
        system, metric, float(result.score), difference, p_value, interval, signature
    )


def check_comparison(
    systems: Mapping[str, Sequence[str]], *, baseline: str, num_samples: int | None, seed: int
) -> None:
    """Refuse a comparison that has no meaning."""
    if len(systems) < 2:
        raise ConfigError(
            f"systems: a comparison needs a baseline and another, not {len(systems)}; add a system"
        )
    if baseline not in systems:
        raise ConfigError(
            f"baseline: {baseline!r} is no system; {choices(baseline, list(systems))}"
        )
    if num_samples is not None and num_samples < MIN_BOOTSTRAP:
        raise ConfigError(
            f"num_samples: must be at least {MIN_BOOTSTRAP}, not {num_samples}; 1000 is usual"
        )
    if seed < 0:
        raise ConfigError(f"seed: must not be negative, not {seed}")
