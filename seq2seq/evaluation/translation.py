"""The result of translating or scoring a line."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seq2seq.data.tokenizer import Tokenizer
from seq2seq.decoding.config import DecodingConfig
from seq2seq.decoding.hypotheses import Hypothesis
from seq2seq.decoding.length_penalty import penalty
from seq2seq.evaluation.align import Alignment


@dataclass(frozen=True)
class TranslatedHypothesis:
    """A hypothesis with its detokenised text; see `Hypothesis` for the other attributes."""

    text: str
    tokens: list[int]
    log_probability: float
    score: float
    finished: bool

    @classmethod
    def lists_of(
        cls, lists: Sequence[Sequence[Hypothesis]], target: Tokenizer
    ) -> list[tuple["TranslatedHypothesis", ...]]:
        """Lists of hypotheses with their texts."""
        texts = iter(target.decode_batch([x.tokens for n_best in lists for x in n_best]))
        return [
            tuple(
                cls(next(texts), x.tokens, x.log_probability, x.score, x.finished) for x in n_best
            )
            for n_best in lists
        ]

    @classmethod
    def of_reference(
        cls, reference: str, tokens: list[int], log_probabilities: Tensor, config: DecodingConfig
    ) -> "TranslatedHypothesis":
        """A reference as a hypothesis; log_probabilities (T + 1,) of its tokens and </s>."""
        total = float(log_probabilities.sum())
        length = torch.tensor(float(len(log_probabilities)))
        return cls(reference, tokens, total, total / float(penalty(length, config)), True)


@dataclass(frozen=True)
class Translation:
    """The result for one line.

    Attributes:
        source: the line, unchanged.
        n_best: hypotheses, best first; at least one.
        cut: the line or its reference was longer than the model allows and its end was left out.
        alignment: of the best hypothesis, if there is an aligner.
        token_log_probabilities: of each token of a scored reference and of the </s> after them.
    """

    source: str
    n_best: tuple[TranslatedHypothesis, ...]
    cut: bool = False
    alignment: Alignment | None = None
    token_log_probabilities: list[float] | None = None

    @property
    def text(self) -> str:
        return self.n_best[0].text

    @property
    def tokens(self) -> list[int]:
        return self.n_best[0].tokens

    @property
    def log_probability(self) -> float:
        return self.n_best[0].log_probability

    @property
    def score(self) -> float:
        return self.n_best[0].score
