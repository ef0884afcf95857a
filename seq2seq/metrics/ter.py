"""TER: edits and shifts per 100 reference words, always lower-cased; from 0, lower is better.

Source: Snover et al. 2006, "A Study of Translation Edit Rate with Targeted Human Annotation",
aclanthology.org/2006.amta-papers.25.
"""

from typing import TYPE_CHECKING

from seq2seq.metrics.base import METRICS
from seq2seq.metrics.protocol import base_language
from seq2seq.metrics.sacrebleu_metric import SacrebleuMetric

if TYPE_CHECKING:
    from sacrebleu.metrics.ter import TER

CHARACTER_LANGUAGES = ("zh", "ja")  # words are characters; elsewhere they stand between spaces


@METRICS.register
class Ter(SacrebleuMetric):
    """TER of words; of characters in Chinese and Japanese."""

    name = "ter"
    label = "TER"
    higher_is_better = False

    @property
    def by_character(self) -> bool:
        """Whether characters are counted instead of words between spaces."""
        return base_language(self.target_language) in CHARACTER_LANGUAGES

    def build_scorer(self) -> "TER":
        from sacrebleu.metrics.ter import TER

        return TER(normalized=self.by_character, asian_support=self.by_character)

    def sacrebleu_options(self) -> list[str]:
        return ["--ter-normalized", "--ter-asian-support"] if self.by_character else []
