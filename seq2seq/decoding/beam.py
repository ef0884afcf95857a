"""Beam search: the best few hypotheses of each sentence, step by step.

At each step every hypothesis is continued by every token. Of all continuations of a sentence, those among the best
`beam_size` that end it are finished, and the best `beam_size` that do not end it go on. A sentence is done once
`beam_size` hypotheses have finished ("first come, first served": Kasai et al. 2022, arXiv:2204.05424, section 2);
earlier if no live one can still score better than the worst of the `n_best` kept; and at its length limit, where every
live one is ended.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from seq2seq.decoding.length_penalty import penalty
from seq2seq.decoding.progress import Progress

DEAD = float("-inf")  # the log-probability of a slot without a hypothesis


def beam_search(progress: Progress, beam_size: int) -> None:
    """Search with `beam_size` hypotheses a sentence, beginning with one. Of equal scores the earlier slot's is best."""
    kept = Kept(progress)
    while progress.live:
        ends, others, tokens = progress.continuations(beam_size)
        ends = progress.total + ends
        others = (progress.total[..., None] + others).flatten(1)
        must_end = progress.constraints.ends(progress.step)
        chosen = best_ends(ends, others, beam_size)
        ending = (chosen | must_end[:, None]) & (ends > DEAD) & ~progress.done[:, None]
        kept.add(progress.finish(ending, ends, chosen), ending)

        missing = max(beam_size - others.size(1), 0)
        total, order = F.pad(others, (0, missing), value=DEAD).sort(stable=True, descending=True)
        total, order = total[:, :beam_size], order[:, :beam_size].clamp(max=others.size(1) - 1)
        progress.done |= must_end | kept.enough(beam_size, reachable=total[:, 0])
        kept.leave(
            progress.advance(tokens.flatten(1).gather(1, order), total, order // tokens.size(2))
        )


def best_ends(ends: Tensor, others: Tensor, beam_size: int) -> Tensor:
    """(N, B) True for each end that is among the best `beam_size` continuations of its sentence."""
    order = torch.cat([ends, others], 1).sort(stable=True, descending=True).indices[:, :beam_size]
    best = torch.zeros(
        ends.size(0), ends.size(1) + others.size(1), dtype=torch.bool, device=ends.device
    )
    return best.scatter_(1, order, True)[:, : ends.size(1)]


class Kept:
    """What decides when a sentence is done: the scores of its best finished hypotheses, and their number."""

    def __init__(self, progress: Progress) -> None:
        config, limit = progress.config, progress.constraints.limit
        self.scores = torch.full((limit.numel(), config.n_best), DEAD, device=limit.device)
        self.count = torch.zeros_like(limit)
        self.greatest_penalty = penalty((limit + 1).float(), config)

    def add(self, scores: Tensor, ending: Tensor) -> None:
        """Take in the scores (N, B) of hypotheses, where ending (N, B) is True."""
        self.count += ending.sum(1)
        self.scores = torch.cat([self.scores, scores], 1).topk(self.scores.size(1)).values

    def enough(self, beam_size: int, *, reachable: Tensor) -> Tensor:
        """(N,) True where a sentence is done. reachable: (N,) log-probability of its best live hypothesis."""
        return (self.count >= beam_size) | (self.scores[:, -1] >= reachable / self.greatest_penalty)

    def leave(self, stay: Tensor | None) -> None:
        """Go on with the sentences `stay`, or all."""
        if stay is not None:
            self.scores, self.count = self.scores[stay], self.count[stay]
            self.greatest_penalty = self.greatest_penalty[stay]
