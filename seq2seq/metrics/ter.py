"""TER: edits and shifts per 100 reference words, always lower-cased; from 0, lower is better.

Source: Snover et al. 2006, "A Study of Translation Edit Rate with Targeted Human Annotation",
aclanthology.org/2006.amta-papers.25.
"""

from typing import TYPE_CHECKING

from seq2seq.metrics.base import METRICS
from seq2seq.metrics.protocol import base_language
from seq2seq.metrics.sacrebleu_metric import SacrebleuMetric
from seq2seq.metrics.writing import FITTING

if TYPE_CHECKING:
    from sacrebleu.metrics.ter import TER

CHARACTER_LANGUAGES = ("zh", "ja")  # words are characters; elsewhere they stand between spaces
UNSPACED = FITTING.keys() - {"Korean"}
CHARACTER_WRITINGS = {"Chinese": "zh", "Japanese": "ja"}


@METRICS.register
class Ter(SacrebleuMetric):
    """TER of words; of characters in Chinese and Japanese."""

    name = "ter"
    label = "TER"
    higher_is_better = False

    @property
    def by_character(self) -> bool:
        """Whether characters are counted instead of words between spaces."""
        return base_language(self.scoring.target_language) in CHARACTER_LANGUAGES

    def build_scorer(self) -> "TER":
        from sacrebleu.metrics.ter import TER

        return TER(normalized=self.by_character, asian_support=self.by_character)

    def choice(self) -> str | None:
        return "TER counts characters" if self.by_character else None

    def cautions(self, writing: str | None) -> list[str]:
        has_characters = writing in CHARACTER_WRITINGS
        if self.by_character and not has_characters:
            return [
                "TER counts characters, as in Chinese and Japanese, but the references are in "
                "neither; choose the right target_language in the evaluation"
            ]
        if has_characters and not self.by_character:
            return [
                f"TER counts words between spaces, but most of the references are {writing}; "
                f"choose target_language={CHARACTER_WRITINGS[writing or '']} in the evaluation"
            ]
        if writing in UNSPACED and not has_characters:
            return [
                f"TER counts words between spaces, which {writing} writing does not have; choose "
                "metrics=[bleu,chrf] in the evaluation"
            ]
        return []

    def sacrebleu_options(self) -> list[str]:
        return ["--ter-normalized", "--ter-asian-support"] if self.by_character else []
