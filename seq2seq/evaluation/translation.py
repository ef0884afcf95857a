"""The result of translating or scoring a line."""

from dataclasses import dataclass

from seq2seq.evaluation.align import Alignment


@dataclass(frozen=True)
class TranslatedHypothesis:
    """A hypothesis with its detokenised text; see `Hypothesis` for the other attributes."""

    text: str
    tokens: list[int]
    log_probability: float
    score: float
    finished: bool


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
