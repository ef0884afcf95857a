"""Searches whose hypotheses do not compete: each takes one token after the other until it ends."""

import torch
from torch import Tensor

from seq2seq.decoding.state import SearchState
from seq2seq.padding import EOS_ID


def greedy_search(state: SearchState) -> None:
    """Take the most probable token at every step; of equal ones </s>, then the lowest id."""
    paths = IndependentPaths(state)
    while state.live:
        ends, values, tokens = state.continuations(1)
        values, tokens = values.squeeze(-1), tokens.squeeze(-1)
        paths.extend(ends, values.maximum(ends), tokens.masked_fill(ends >= values, EOS_ID))


class IndependentPaths:
    """N * B hypotheses that are extended one by one."""

    def __init__(self, state: SearchState) -> None:
        self.state = state
        self.ended = state.done[:, None].repeat(1, state.total.size(1))

    def extend(self, ends: Tensor, values: Tensor, tokens: Tensor) -> None:
        """Append a token to each hypothesis, or the sentence end at the length limit.

        Args:
            ends: (N, B) log-probability of the sentence end.
            values: (N, B) log-probability of the token.
            tokens: (N, B).
        """
        state = self.state
        chosen = tokens == EOS_ID
        must_end = state.constraints.must_end(state.step)[:, None]
        total = state.total + torch.where(must_end, ends, values)
        tokens = tokens.masked_fill(must_end, EOS_ID)
        state.finish((chosen | must_end) & ~self.ended, total, chosen)
        self.ended = self.ended | chosen | must_end
        state.done = self.ended.all(1)
        stay = state.advance(tokens, total)
        if stay is not None:
            self.ended = self.ended[stay]
