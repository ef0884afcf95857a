"""Searches whose hypotheses do not compete: each follows one token with the next until it ends."""

from collections.abc import Callable

import torch
from torch import Tensor

from seq2seq.decoding.progress import Progress


def greedy_search(progress: Progress) -> None:
    """Take the likeliest token at every step; of equal ones the sentence end, then the one with the lowest id."""

    def choose() -> tuple[Tensor, ...]:
        ends, values, tokens = progress.continuations(1)
        values, tokens = values.squeeze(-1), tokens.squeeze(-1)
        return (
            ends,
            values.maximum(ends),
            tokens.masked_fill(ends >= values, progress.constraints.eos_id),
        )

    follow(progress, choose)


def follow(progress: Progress, choose: Callable[[], tuple[Tensor, ...]]) -> None:
    """Extend each of N * B hypotheses by one token at a time.

    Args:
        choose: log-probabilities (N, B) of the sentence end and of a chosen token, and that token (N, B).
    """
    eos_id = progress.constraints.eos_id
    ended = progress.done[:, None].repeat(1, progress.total.size(1))
    while progress.live:
        ends, values, tokens = choose()
        chosen = tokens == eos_id
        must_end = progress.constraints.ends(progress.step)[:, None]
        total = progress.total + torch.where(must_end, ends, values)
        tokens = tokens.masked_fill(must_end, eos_id)
        progress.finish((chosen | must_end) & ~ended, total, chosen)
        ended = ended | chosen | must_end
        progress.done = ended.all(1)
        stay = progress.advance(tokens, total)
        ended = ended if stay is None else ended[stay]
