"""BLEU: matched n-grams of up to 4 tokens, with a penalty for short output; 0 to 100.

Source: Papineni et al. 2002, "BLEU: a Method for Automatic Evaluation of Machine Translation",
aclanthology.org/P02-1040.
"""

from typing import TYPE_CHECKING

from seq2seq.errors import MissingDependencyError
from seq2seq.metrics.base import METRICS
from seq2seq.metrics.protocol import ScoringProtocol, base_language
from seq2seq.metrics.sacrebleu_metric import SacrebleuMetric

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU

BLEU_TOKENIZERS = {
    "zh": "zh",
    "ja": "ja-mecab",
    "ko": "ko-mecab",
    # Languages without spaces between words that sacrebleu has no tokenizer for.
    **dict.fromkeys(("th", "lo", "km", "my", "bo", "dz"), "char"),
}
DEFAULT_TOKENIZER = "13a"


@METRICS.register
class Bleu(SacrebleuMetric):
    """BLEU with the tokenizer that the target language needs.

    A sentence alone is scored with effective order (n-gram orders that it is too short for are
    left out), so that short sentences are not zero.
    """

    name = "bleu"
    label = "BLEU"
    higher_is_better = True

    def __init__(self, target_language: str, protocol: ScoringProtocol) -> None:
        super().__init__(target_language, protocol)
        self.sentence_scorer = self.build_scorer(effective_order=True)

    @property
    def tokenizer(self) -> str:
        """sacrebleu's name of the tokenizer."""
        if self.protocol is ScoringProtocol.lowercased_tokenized:
            return "none"
        return BLEU_TOKENIZERS.get(base_language(self.target_language), DEFAULT_TOKENIZER)

    def build_scorer(self, *, effective_order: bool = False) -> "BLEU":
        from sacrebleu.metrics.bleu import BLEU

        is_tokenized = self.protocol is ScoringProtocol.lowercased_tokenized
        try:
            # force=True: no warning about text that looks tokenised.
            return BLEU(
                tokenize=self.tokenizer, force=is_tokenized, effective_order=effective_order
            )
        except (Exception, SystemExit) as error:  # sacrebleu exits where a package is missing
            raise MissingDependencyError(
                f"metrics: bleu needs the tokenizer {self.tokenizer} for target language "
                f"{self.target_language}, which is not installed; "
                f"pip install 'sacrebleu[{self.tokenizer[:2]}]', or choose metrics=[chrf,ter]"
            ) from error

    def sentence(self, hypothesis: str, reference: str) -> float:
        return float(self.sentence_scorer.sentence_score(hypothesis, [reference]).score)

    def sacrebleu_options(self) -> list[str]:
        is_tokenized = self.protocol is ScoringProtocol.lowercased_tokenized
        return ["--tokenize", self.tokenizer, *(["--force"] if is_tokenized else [])]
