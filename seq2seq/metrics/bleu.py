"""BLEU: matched n-grams of up to 4 tokens, with a penalty for short output; 0 to 100.

Source: Papineni et al. 2002, "BLEU: a Method for Automatic Evaluation of Machine Translation",
aclanthology.org/P02-1040.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seq2seq.errors import MissingDependencyError, choices
from seq2seq.metrics.base import METRICS
from seq2seq.metrics.protocol import Scoring, ScoringProtocol
from seq2seq.metrics.sacrebleu_metric import SacrebleuMetric
from seq2seq.metrics.writing import (
    DEFAULT_TOKENIZER,
    MODELS,
    TOKENIZER_NAMES,
    language_tokenizer,
    tokenizer_caution,
)

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU


@METRICS.register
class Bleu(SacrebleuMetric):
    """BLEU with the tokenizer that the target language needs.

    A sentence alone is scored with effective order (n-gram orders that it is too short for are
    left out), so that short sentences are not zero.
    """

    name = "bleu"
    label = "BLEU"
    higher_is_better = True

    def __init__(self, scoring: Scoring) -> None:
        super().__init__(scoring)
        self.sentence_scorer = self.build_scorer(effective_order=True)

    @property
    def is_tokenized(self) -> bool:
        """Whether the protocol splits words before the text gets here."""
        return self.scoring.protocol is ScoringProtocol.lowercased_tokenized

    @property
    def tokenizer(self) -> str:
        """sacrebleu's name of the tokenizer."""
        if self.is_tokenized:
            return "none"
        return self.scoring.bleu_tokenizer or language_tokenizer(self.scoring.target_language)

    def build_scorer(self, *, effective_order: bool = False) -> "BLEU":
        from sacrebleu.metrics.bleu import BLEU

        ensure_model(self.tokenizer)
        try:
            # force=True: no warning about text that looks tokenised.
            return BLEU(
                tokenize=self.tokenizer, force=self.is_tokenized, effective_order=effective_order
            )
        except (Exception, SystemExit) as error:  # sacrebleu exits where a package is missing
            raise MissingDependencyError(
                f"metrics: bleu needs the tokenizer {self.tokenizer} for target language "
                f"{self.scoring.target_language}, which is not installed; "
                f"pip install 'sacrebleu[{self.tokenizer[:2]}]', or choose metrics=[chrf,ter], or "
                "bleu_tokenizer=char in the evaluation"
            ) from error

    def sentence(self, hypothesis: str, reference: str) -> float:
        return float(self.sentence_scorer.sentence_score(hypothesis, [reference]).score)

    def choice(self) -> str | None:
        by_language = not self.is_tokenized and self.scoring.bleu_tokenizer is None
        if not by_language or self.tokenizer == DEFAULT_TOKENIZER:
            return None
        return f"BLEU uses the tokenizer {self.tokenizer}"

    def cautions(self, writing: str | None) -> list[str]:
        caution = tokenizer_caution(self.tokenizer, writing)
        return [] if caution is None else [caution]

    def sacrebleu_options(self) -> list[str]:
        return ["--tokenize", self.tokenizer, *(["--force"] if self.is_tokenized else [])]


def ensure_model(tokenizer: str) -> None:
    """Refuse a tokenizer whose model sacrebleu would download now.

    Raises:
        MissingDependencyError: with the command that fetches it.
    """
    if tokenizer not in MODELS:
        return
    from sacrebleu.tokenizers.tokenizer_spm import SPM_MODELS
    from sacrebleu.utils import SACREBLEU_DIR

    path = Path(SACREBLEU_DIR) / "models" / SPM_MODELS[tokenizer]["url"].rpartition("/")[2]
    if not path.is_file():
        command = f"import sacrebleu; sacrebleu.BLEU(tokenize='{tokenizer}')"
        raise MissingDependencyError(
            f"bleu_tokenizer: {tokenizer} needs the model {path}, which is not there; let "
            f'sacrebleu fetch it by  python -c "{command}", or choose another tokenizer'
        )


def tokenizer_problems(scoring: Scoring, metrics: Sequence[str]) -> Iterator[str]:
    """A problem if the tokenizer does not exist, or nothing reads it."""
    name = scoring.bleu_tokenizer
    if name is None:
        return
    if name not in TOKENIZER_NAMES:
        yield f"bleu_tokenizer: no tokenizer is called {name!r}; {choices(name, TOKENIZER_NAMES)}"
    elif "bleu" not in metrics:
        yield "bleu_tokenizer: is set but not read; add bleu to metrics, or leave it out"
    elif scoring.protocol is not ScoringProtocol.cased_13a:
        yield "bleu_tokenizer: is set but not read; choose protocol=cased_13a, or leave it out"
