"""What a search returns."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hypothesis:
    """A translation in token ids.

    Attributes:
        tokens: ids without sentence start and end.
        log_probability: natural logarithm of the probability of the tokens and of the sentence end after them.
        score: log_probability after the length penalty; a higher one is better.
        finished: the search chose to end here; False, the length limit ended it.
    """

    tokens: list[int]
    log_probability: float
    score: float
    finished: bool


def best_first(hypotheses: list[Hypothesis], n_best: int) -> list[Hypothesis]:
    """The best `n_best` by score; of equal ones the first found."""
    return sorted(hypotheses, key=lambda hypothesis: -hypothesis.score)[:n_best]
