"""Scores of translations by several metrics, each with the signature that makes it comparable.

Text is scored detokenised, as a user reads it (Post 2018, "A Call for Clarity in Reporting BLEU
Scores", arXiv:1804.08771). What libraries would score wrongly without notice is refused: a string
in place of a list, sides of different lengths, subwords.
"""

import logging
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from seq2seq.errors import ConfigError, DataError
from seq2seq.metrics.base import DEFAULT_METRICS, METRICS, metric_problems, summed
from seq2seq.metrics.bleu import tokenizer_problems
from seq2seq.metrics.protocol import Scoring, ScoringProtocol, prepare_texts
from seq2seq.metrics.resampling import DEFAULT_SEED, MIN_BOOTSTRAP, bootstrap_scores, interval
from seq2seq.metrics.writing import writing_of

logger = logging.getLogger(__name__)

DEFAULT_BOOTSTRAP = 1000  # resamples
SUBWORD_MARK = "▁"  # SentencePiece writes it for a space


@dataclass(frozen=True)
class Score:
    """A score of a corpus.

    Attributes:
        score: in the metric's range.
        signature: every setting that matters to the score; see `Metric.signature`.
        confidence: 95 % interval by bootstrap resampling, or None where it was not computed.
    """

    score: float
    signature: str
    confidence: tuple[float, float] | None = None


class Scorer:
    """Scores translations into one language.

    Args:
        target_language: a code such as "de", "zh" or "jpn"; chooses how BLEU tokenises.
        metrics: names of registered metrics.
        protocol: what is done to text before it is scored.
        bleu_tokenizer: sacrebleu's name of a tokenizer, instead of that of the language.

    Raises:
        ConfigError: a metric or tokenizer does not exist, the protocol has no rules for the
            language, or nothing reads the tokenizer.
        MissingDependencyError: a metric or the protocol needs a package that is not installed.
    """

    def __init__(
        self,
        target_language: str,
        metrics: Sequence[str] = DEFAULT_METRICS,
        protocol: ScoringProtocol = ScoringProtocol.cased_13a,
        *,
        bleu_tokenizer: str | None = None,
    ) -> None:
        self.scoring = Scoring(target_language, protocol, bleu_tokenizer)
        problems = [*metric_problems(metrics), *tokenizer_problems(self.scoring, metrics)]
        if problems:
            raise ConfigError(problems)
        self.metrics = [METRICS[name](self.scoring) for name in metrics]
        self.prepare(["a"])

    def prepare(self, texts: Sequence[str]) -> list[str]:
        """Texts as the protocol scores them."""
        return prepare_texts(texts, self.scoring.protocol, self.scoring.target_language)

    def log_scoring(self, references: Sequence[str]) -> None:
        """Log what the target language chose, and what does not fit the references."""
        chosen = [choice for metric in self.metrics if (choice := metric.choice()) is not None]
        if chosen:
            language = self.scoring.target_language
            logger.info("for target language %s, %s", language, " and ".join(chosen))
        writing = writing_of(references)
        for metric in self.metrics:
            for caution in metric.cautions(writing):
                logger.warning("note: %s", caution)

    def corpus(
        self,
        hypotheses: Sequence[str],
        references: Sequence[str],
        *,
        n_bootstrap: int = 0,
        seed: int = DEFAULT_SEED,
    ) -> dict[str, Score]:
        """Score a corpus.

        Args:
            hypotheses, references: detokenised text, one string per sentence, in the same order.
            n_bootstrap: resamples for a confidence interval, 0 for none; 1000 is usual.
            seed: of the resamples.

        Returns:
            Scores by the metrics' names.

        Raises:
            ConfigError: too few resamples.
            DataError: there is not one hypothesis for each reference.
        """
        if n_bootstrap != 0 and n_bootstrap < MIN_BOOTSTRAP:
            raise ConfigError(
                f"n_bootstrap: must be 0 (no interval) or at least {MIN_BOOTSTRAP}, "
                f"not {n_bootstrap}; 1000 is usual"
            )
        ensure_sentences(hypotheses, references)
        prepared = self.prepare(hypotheses), self.prepare(references)
        scores = {}
        for metric in self.metrics:
            statistics = metric.statistics(*prepared)
            confidence = None
            if n_bootstrap:
                confidence = interval(bootstrap_scores(metric, statistics, n_bootstrap, seed))
            score = metric.from_statistics(summed(statistics))
            scores[metric.name] = Score(score, metric.signature, confidence)
        return scores

    def sentences(
        self, hypotheses: Sequence[str], references: Sequence[str]
    ) -> list[dict[str, float]]:
        """Score each sentence alone, for finding sentences to look at.

        Returns:
            Scores by the metrics' names, for each sentence.

        Raises:
            DataError: as `corpus`.
        """
        ensure_sentences(hypotheses, references)
        pairs = zip(self.prepare(hypotheses), self.prepare(references), strict=True)
        return [
            {metric.name: metric.sentence(hypothesis, reference) for metric in self.metrics}
            for hypothesis, reference in pairs
        ]

    def sacrebleu_command(
        self,
        *,
        references: str = "references.txt",
        hypotheses: str = "hypotheses.txt",
        n_bootstrap: int = 0,
    ) -> str | None:
        """The shell command that computes from files the scores of those metrics it has.

        Args:
            references, hypotheses: names of files that hold prepared text, a sentence per line.
            n_bootstrap: as for `corpus`; the command's seed is DEFAULT_SEED unless
                SACREBLEU_SEED is set.

        Returns:
            The command, or None where it has none of the metrics.
        """
        options = {metric.name: metric.sacrebleu_options() for metric in self.metrics}
        available = {name: words for name, words in options.items() if words is not None}
        if not available:
            return None
        command = ["sacrebleu", references, "-i", hypotheses, "-m", *available]
        for words in available.values():
            command += words
        command += ["--confidence", "--confidence-n", str(n_bootstrap)] if n_bootstrap else []
        return shlex.join([*command, "--width", "4"])


def ensure_sentences(hypotheses: Sequence[str], references: Sequence[str]) -> None:
    """Refuse all but one string per sentence on both sides.

    Raises:
        DataError: with the side and the sentence.
    """
    for side, texts in (("hypotheses", hypotheses), ("references", references)):
        if isinstance(texts, str) or not isinstance(texts, Sequence):
            raise DataError(
                f"{side}: must be a list with one string per sentence, not {type(texts).__name__}; "
                "give [sentence, ...]"
            )
        for index, text in enumerate(texts):
            if not isinstance(text, str):
                kind = type(text).__name__
                raise DataError(f"{side}: sentence {index} must be a string, not {kind}; give text")
            if "\n" in text:
                raise DataError(
                    f"{side}: sentence {index} has a line break; give one line per sentence"
                )
    if len(hypotheses) != len(references):
        raise DataError(
            f"there are {len(hypotheses)} hypotheses for {len(references)} references; "
            "the counts must be equal"
        )
    if not hypotheses:
        raise DataError("there is nothing to score: no hypotheses and no references; give some")
    if has_subwords(hypotheses) and not any(SUBWORD_MARK in text for text in references):
        raise DataError(
            f"hypotheses: must be detokenised, but most hold the subword mark {SUBWORD_MARK}, "
            "which scores wrongly; decode them first"
        )


def has_subwords(texts: Sequence[str]) -> bool:
    """Whether more than half of the texts hold SentencePiece's mark of a space."""
    return 2 * sum(SUBWORD_MARK in text for text in texts) > len(texts)
