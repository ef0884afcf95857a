"""What a metric is: a score of a corpus that is a function of sums over its sentences."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from seq2seq.errors import ConfigError
from seq2seq.metrics.protocol import Scoring
from seq2seq.registry import Registry

DEFAULT_METRICS = ("bleu", "chrf", "ter")

Statistics = Sequence[float]


class Metric(ABC):
    """A score of translations against references.

    A corpus is scored from the sums of its sentences' statistics, such as counts of matched
    n-grams. Confidence intervals and tests of significance resample those statistics.

    Attributes:
        name: in a configuration, in scores.json and in the registry.
        label: in tables and reports.
        higher_is_better: the direction of improvement.

    Args:
        scoring: target language, protocol and tokenizer.

    Raises:
        ConfigError: the metric cannot score in this way.
        MissingDependencyError: the metric needs a package that is not installed.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    higher_is_better: ClassVar[bool]

    def __init__(self, scoring: Scoring) -> None:
        self.scoring = scoring

    @property
    @abstractmethod
    def signature(self) -> str:
        """Every setting and version that matters to the score, as "nrefs:1|key:value|..."."""

    @abstractmethod
    def statistics(
        self, hypotheses: Sequence[str], references: Sequence[str]
    ) -> Sequence[Statistics]:
        """The statistics of each sentence: equally many numbers for each, with meaningful sums."""

    @abstractmethod
    def from_statistics(self, sums: Statistics) -> float:
        """The score of statistics that were summed over sentences."""

    def corpus(self, hypotheses: Sequence[str], references: Sequence[str]) -> float:
        """The score of a corpus; texts are prepared by the protocol, one string per sentence."""
        return self.from_statistics(summed(self.statistics(hypotheses, references)))

    def sentence(self, hypothesis: str, reference: str) -> float:
        """The score of one sentence alone. Means of it are not the corpus score."""
        return self.corpus([hypothesis], [reference])

    def choice(self) -> str | None:
        """What the target language made the metric do, in words; None if it makes no difference."""
        return None

    def cautions(self, writing: str | None) -> list[str]:
        """What makes the scores of these references misleading.

        Args:
            writing: of the references, where it has no spaces between words; see
                `seq2seq.metrics.writing`.
        """
        return []

    def sacrebleu_options(self) -> list[str] | None:
        """Options of the `sacrebleu` command for this score; None if it has no such metric."""
        return None


METRICS: Registry[Metric] = Registry("metric")


def summed(statistics: Iterable[Statistics]) -> list[float]:
    """Sums over sentences of each of the statistics."""
    return [sum(column) for column in zip(*statistics, strict=True)]


def metric_problems(names: Sequence[str]) -> Iterator[str]:
    """A problem for each metric that does not exist or is listed twice."""
    if not names:
        yield f"metrics: must name at least one; choose from {', '.join(METRICS)}"
    for index, name in enumerate(names):
        if name in names[:index]:
            yield f"metrics: {name} is listed twice; list it once"
        elif name not in METRICS:
            try:
                METRICS[name]
            except ConfigError as error:
                yield f"metrics: {error}, or name the module that defines it in imports="
