"""chrF: F-score of character n-grams up to 6 with beta 2, which weighs recall; 0 to 100.

Source: Popović 2015, "chrF: character n-gram F-score for automatic MT evaluation",
aclanthology.org/W15-3049.
"""

from typing import TYPE_CHECKING

from seq2seq.metrics.base import METRICS
from seq2seq.metrics.sacrebleu_metric import SacrebleuMetric

if TYPE_CHECKING:
    from sacrebleu.metrics.chrf import CHRF


@METRICS.register
class ChrF(SacrebleuMetric):
    """chrF without word n-grams."""

    name = "chrf"
    label = "chrF"
    higher_is_better = True

    def build_scorer(self) -> "CHRF":
        from sacrebleu.metrics.chrf import CHRF

        return CHRF()

    def sacrebleu_options(self) -> list[str]:
        return []
