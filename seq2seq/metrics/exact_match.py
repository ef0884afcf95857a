"""Exact match: the percentage of hypotheses that equal their references; 0 to 100."""

from collections.abc import Sequence

from seq2seq import __version__
from seq2seq.metrics.base import METRICS, Metric, Statistics


@METRICS.register
class ExactMatch(Metric):
    """Percentage of sentences that are right as a whole: for tasks with one right answer."""

    name = "exact_match"
    label = "exact match"
    higher_is_better = True

    @property
    def signature(self) -> str:
        return f"nrefs:1|case:mixed|version:seq2seq-{__version__}"

    def statistics(
        self, hypotheses: Sequence[str], references: Sequence[str]
    ) -> Sequence[Statistics]:
        """Matches and sentences."""
        pairs = zip(hypotheses, references, strict=True)
        return [(int(hypothesis == reference), 1) for hypothesis, reference in pairs]

    def from_statistics(self, sums: Statistics) -> float:
        matches, sentences = sums
        return float(100 * matches / sentences)
