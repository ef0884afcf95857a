"""Metrics that sacrebleu computes. It is slow to import, and is imported when one is made."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from seq2seq.metrics.base import Metric, Statistics
from seq2seq.metrics.protocol import Scoring

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric as Scorer


class SacrebleuMetric(Metric):
    """A metric of sacrebleu with one reference per sentence."""

    def __init__(self, scoring: Scoring) -> None:
        super().__init__(scoring)
        self.scorer = self.build_scorer()
        self.scorer.num_refs = 1

    @abstractmethod
    def build_scorer(self) -> "Scorer":
        """The metric of sacrebleu, with the options of language and protocol."""

    @property
    def signature(self) -> str:
        return str(self.scorer.get_signature())

    def statistics(
        self, hypotheses: Sequence[str], references: Sequence[str]
    ) -> Sequence[Statistics]:
        statistics: Sequence[Statistics] = self.scorer._extract_corpus_statistics(
            hypotheses, [references]
        )
        return statistics

    def from_statistics(self, sums: Statistics) -> float:
        return float(self.scorer._compute_score_from_stats(list(sums)).score)
