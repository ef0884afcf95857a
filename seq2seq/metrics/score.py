"""Scores of translations: BLEU, chrF and TER, by sacrebleu, with the signature that makes each comparable.

sacrebleu accepts inputs of the wrong shape and returns a number for them; the functions here refuse those. Text is
scored detokenised, as a user reads it (Post 2018, "A Call for Clarity in Reporting BLEU Scores", arXiv:1804.08771).

    BLEU    Papineni et al. 2002, tokenised by a rule that the target language chooses; 0 to 100, higher is better
    chrF    Popović 2015, character n-grams up to 6, beta 2; 0 to 100, higher is better
    TER     Snover et al. 2006, edits per 100 reference words, always lower-cased; lower is better
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seq2seq.errors import ConfigError, DataError
from seq2seq.metrics.protocol import ScoringProtocol, make_metrics, prepare

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric

DEFAULT_SEED = 12345  # sacrebleu's own
DEFAULT_BOOTSTRAP = 1000  # resamples
MIN_BOOTSTRAP = 40  # fewer samples than that, and the 95 % interval is the range of all


@dataclass(frozen=True)
class Score:
    """A score of a corpus.

    Attributes:
        score: see the top of this file for its range.
        signature: sacrebleu's, with its version and every setting that matters to the score; number and seed of the
            resamples do not.
        confidence: 95 % interval by bootstrap resampling (Koehn 2004), or None if it was not asked for.
    """

    score: float
    signature: str
    confidence: tuple[float, float] | None = None


@dataclass(frozen=True)
class SentenceScore:
    """Scores of one sentence; BLEU with effective order, so that short sentences are not zero."""

    bleu: float
    chrf: float
    ter: float


def corpus_scores(
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    target_language: str,
    protocol: ScoringProtocol = ScoringProtocol.cased_13a,
    lowercase: bool = False,
    tokenize: str | None = None,
    n_bootstrap: int = 0,
    seed: int = DEFAULT_SEED,
) -> dict[str, Score]:
    """Score a corpus; keys are bleu, chrf and ter.

    Args:
        hypotheses, references: detokenised text, one string per sentence, in the same order.
        target_language: a code such as "de", "zh" or "jpn"; chooses how BLEU tokenises.
        protocol: see ScoringProtocol.
        lowercase: ignore case in BLEU and chrF; TER always does.
        tokenize: one of sacrebleu's tokenizers, in place of the one chosen by language.
        n_bootstrap: resamples for a confidence interval, 0 for none; 1000 is usual. They draw from the statistics of
            each sentence and cost less than the score itself.
        seed: of the resamples.

    Raises:
        ConfigError: options that do not exist or contradict each other.
        DataError: what was given is not one hypothesis per reference.
        MissingDependencyError: the language's tokenizer is not installed.
    """
    if n_bootstrap != 0 and n_bootstrap < MIN_BOOTSTRAP:
        raise ConfigError(
            f"n_bootstrap: must be 0 (no interval) or at least {MIN_BOOTSTRAP}, not {n_bootstrap}"
        )
    check_texts(hypotheses, references)
    metrics = make_metrics(
        target_language, protocol=protocol, lowercase=lowercase, tokenize=tokenize
    )
    prepared = prepare(hypotheses, protocol, target_language)
    streams = [prepare(references, protocol, target_language)]
    scores = {}
    for name, metric in metrics.items():
        statistics = metric._extract_corpus_statistics(prepared, streams)
        interval = confidence(metric, statistics, n_bootstrap, seed) if n_bootstrap else None
        score = float(metric._aggregate_and_compute(statistics).score)
        scores[name] = Score(score, str(metric.get_signature()), interval)
    return scores


def confidence(
    metric: "Metric", statistics: list[Any], n_bootstrap: int, seed: int
) -> tuple[float, float]:
    """The 95 % interval that `sacrebleu --confidence` prints as mean and half width.

    Here, because sacrebleu 2.6 stops with a TypeError at the mean of a resample without any match and one with some.
    """
    from sacrebleu.significance import _bootstrap_resample

    with sacrebleu_seed(seed):
        _, resampled = _bootstrap_resample(statistics, metric, n_bootstrap)
    values = sorted(float(each.score) for each in resampled)
    outside = n_bootstrap // MIN_BOOTSTRAP
    half = (values[-1 - outside] - values[outside]) / 2
    mean = sum(values) / n_bootstrap
    return mean - half, mean + half


def bleu(
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    target_language: str,
    protocol: ScoringProtocol = ScoringProtocol.cased_13a,
    lowercase: bool = False,
    tokenize: str | None = None,
) -> float:
    """BLEU alone, for validation while training; the same number as corpus_scores gives."""
    check_texts(hypotheses, references)
    metrics = make_metrics(
        target_language, protocol=protocol, lowercase=lowercase, tokenize=tokenize
    )
    streams = [prepare(references, protocol, target_language)]
    return float(
        metrics["bleu"].corpus_score(prepare(hypotheses, protocol, target_language), streams).score
    )


def sentence_scores(
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    target_language: str,
    protocol: ScoringProtocol = ScoringProtocol.cased_13a,
    lowercase: bool = False,
    tokenize: str | None = None,
) -> list[SentenceScore]:
    """Score every sentence on its own. Good for finding sentences to look at; their mean is not the corpus score."""
    check_texts(hypotheses, references)
    metrics = make_metrics(
        target_language,
        protocol=protocol,
        lowercase=lowercase,
        tokenize=tokenize,
        sentence_level=True,
    )
    pairs = zip(
        prepare(hypotheses, protocol, target_language),
        prepare(references, protocol, target_language),
        strict=True,
    )
    return [
        SentenceScore(
            **{
                name: float(m.sentence_score(hypothesis, [reference]).score)
                for name, m in metrics.items()
            }
        )
        for hypothesis, reference in pairs
    ]


def check_texts(hypotheses: Sequence[str], references: Sequence[str]) -> None:
    """Refuse what is not one string per sentence on both sides, with a DataError that says which."""
    for name, texts in (("hypotheses", hypotheses), ("references", references)):
        if isinstance(texts, str) or not isinstance(texts, Sequence):
            raise DataError(
                f"{name}: must be a list with one string per sentence, not {type(texts).__name__}"
            )
        for index, text in enumerate(texts):
            if not isinstance(text, str):
                raise DataError(
                    f"{name}: sentence {index} must be a string, not {type(text).__name__}"
                )
            if "\n" in text:
                raise DataError(
                    f"{name}: sentence {index} holds a line break; give one line per sentence"
                )
    if len(hypotheses) != len(references):
        raise DataError(
            f"{len(hypotheses)} hypotheses for {len(references)} references; both must be as many"
        )
    if not hypotheses:
        raise DataError("there is nothing to score: no hypotheses and no references")
    pieces = sum("▁" in text for text in hypotheses)
    if 2 * pieces > len(hypotheses) and not any("▁" in text for text in references):
        raise DataError(
            "the hypotheses are subword pieces (they hold ▁), which score wrongly; detokenise them first"
        )


@contextmanager
def sacrebleu_seed(seed: int) -> Iterator[None]:
    """sacrebleu takes its seed from the environment; give it one and put back what was there."""
    before = os.environ.get("SACREBLEU_SEED")
    os.environ["SACREBLEU_SEED"] = str(seed)
    try:
        yield
    finally:
        if before is None:
            del os.environ["SACREBLEU_SEED"]
        else:
            os.environ["SACREBLEU_SEED"] = before
