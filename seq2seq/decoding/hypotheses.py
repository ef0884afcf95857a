"""The results of a search."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hypothesis:
    """A translation in token ids.

    Attributes:
        tokens: ids without <s> and </s>.
        log_probability: natural logarithm of the probability of the tokens and the </s> after them.
        score: log_probability after the length penalty; higher is better.
        finished: True if the search chose to end here, False if the length limit ended it.
    """

    tokens: list[int]
    log_probability: float
    score: float
    finished: bool


def best_first(hypotheses: list[Hypothesis], n_best: int) -> list[Hypothesis]:
    """The best `n_best` by score; of equal scores the first."""
    return sorted(hypotheses, key=lambda hypothesis: -hypothesis.score)[:n_best]
