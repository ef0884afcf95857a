"""Beam search: the best few hypotheses of each sentence, step by step.

At each step every hypothesis is continued by every token. Of all continuations of a sentence, those
among the best `beam_size` that end it are finished, and the best `beam_size` that do not end it go
on. A sentence is finished

    once `beam_size` hypotheses are finished ("first come, first served": Kasai et al. 2022,
    arXiv:2204.05424, section 2);
    once no live hypothesis can reach a better score than the `n_best`-th finished one;
    at its length limit, where every live hypothesis is ended.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from seq2seq.decoding.length_penalty import penalty
from seq2seq.decoding.state import SearchState

EMPTY = float("-inf")  # the log-probability of a slot without a hypothesis


def beam_search(state: SearchState, beam_size: int) -> None:
    """Search with a beam of `beam_size`. Of equal scores the first slot wins."""
    finished = FinishedScores(state)
    while state.live:
        ends, values, tokens = state.continuations(beam_size)
        ends = state.total + ends
        live = (state.total[..., None] + values).flatten(1)
        must_end = state.constraints.must_end(state.step)
        chosen = ends_in_beam(ends, live, beam_size)
        ending = (chosen | must_end[:, None]) & (ends > EMPTY) & ~state.done[:, None]
        scores = state.finish(ending, ends, chosen, above=finished.worst)
        finished.add(scores, ending)

        total, order = best_continuations(live, beam_size)
        state.done |= must_end | finished.suffice(beam_size, best_live=total[:, 0])
        next_tokens = tokens.flatten(1).gather(1, order)
        finished.select(state.advance(next_tokens, total, order // tokens.size(2)))


def best_continuations(live: Tensor, beam_size: int) -> tuple[Tensor, Tensor]:
    """The best log-probabilities (N, beam_size) of live (N, L), descending, and their columns.

    Slots beyond L are empty, with the last column. Of equal ones the first comes first.
    """
    if (missing := beam_size - live.size(1)) > 0:
        total, order = best_continuations(F.pad(live, (0, missing), value=EMPTY), beam_size)
        return total, order.clamp(max=live.size(1) - 1)
    total, order = live.sort(stable=True, descending=True)
    return total[:, :beam_size], order[:, :beam_size]


def ends_in_beam(ends: Tensor, live: Tensor, beam_size: int) -> Tensor:
    """(N, B) True for each end among the best `beam_size` continuations of its sentence.

    Args:
        ends: (N, B) log-probabilities of hypotheses that end.
        live: (N, L) of continuations that do not.
    """
    order = torch.cat([ends, live], 1).sort(stable=True, descending=True).indices[:, :beam_size]
    in_beam = torch.zeros(
        ends.size(0), ends.size(1) + live.size(1), dtype=torch.bool, device=ends.device
    )
    return in_beam.scatter_(1, order, True)[:, : ends.size(1)]


class FinishedScores:
    """The best scores of each sentence's finished hypotheses, and their number: when to stop."""

    def __init__(self, state: SearchState) -> None:
        config, limit = state.config, state.constraints.limit
        self.scores = torch.full((limit.numel(), config.n_best), EMPTY, device=limit.device)
        self.count = torch.zeros_like(limit)
        self.largest_penalty = penalty((limit + 1).float(), config)

    @property
    def worst(self) -> Tensor:
        """(N,) the n_best-th best score; -inf before there are so many."""
        return self.scores[:, -1]

    def add(self, scores: Tensor, ending: Tensor) -> None:
        """Add the scores (N, B) of hypotheses where ending (N, B) is True."""
        self.count += ending.sum(1)
        self.scores = torch.cat([self.scores, scores], 1).topk(self.scores.size(1)).values

    def suffice(self, beam_size: int, *, best_live: Tensor) -> Tensor:
        """(N,) True where a sentence is finished.

        Args:
            best_live: (N,) log-probability of the best live hypothesis, an upper bound of what any
                of its continuations has.
        """
        bound = best_live / self.largest_penalty
        return (self.count >= beam_size) | (self.worst >= bound)

    def select(self, stay: Tensor | None) -> None:
        """Keep these sentences; None keeps all."""
        if stay is not None:
            self.scores, self.count = self.scores[stay], self.count[stay]
            self.largest_penalty = self.largest_penalty[stay]
