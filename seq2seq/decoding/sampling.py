"""Sampling: tokens drawn at random from the model's distribution or its likeliest part.

The temperature divides the logits first; then only the `top_k` likeliest tokens stay (Fan et al. 2018,
arXiv:1805.04833), then the fewest likeliest that together have the probability `top_p` (Holtzman et al. 2020,
arXiv:1904.09751).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from seq2seq.decoding.config import DecodingConfig
from seq2seq.decoding.greedy import follow
from seq2seq.decoding.progress import Progress


def sample(progress: Progress, seeds: Sequence[int]) -> None:
    """Draw every hypothesis of every sentence on its own.

    Args:
        seeds: one for each sentence of the batch. All that is drawn for a sentence depends on its seed alone.
    """
    config, eos_id = progress.config, progress.constraints.eos_id
    numbers = uniform_numbers(seeds, progress.constraints.limit, config.n_best)

    def choose() -> tuple[Tensor, ...]:
        now = numbers[progress.sentences, progress.step].flatten()

        def read(logits: Tensor, normaliser: Tensor, rows: slice) -> tuple[Tensor, ...]:
            tokens = draw(logits, now[rows], config)
            values = logits.gather(1, tokens[:, None]).squeeze(1)
            return logits[:, eos_id] - normaliser, values - normaliser, tokens

        return tuple(x.view(progress.total.shape) for x in progress.predict(read))

    follow(progress, choose)


def uniform_numbers(seeds: Sequence[int], limit: Tensor, count: int) -> Tensor:
    """(N, longest limit + 1, count) float64 in [0, 1), those of a sentence from a generator of its own."""
    assert len(seeds) == limit.numel(), "one seed a sentence"
    numbers = torch.zeros(len(seeds), int(limit.max()) + 1, count, dtype=torch.float64)
    for row, (seed, length) in enumerate(zip(seeds, limit.tolist(), strict=True)):
        generator = torch.Generator().manual_seed(seed)
        numbers[row, : length + 1] = torch.rand(
            length + 1, count, dtype=torch.float64, generator=generator
        )
    return numbers.to(limit.device)


def draw(logits: Tensor, numbers: Tensor, config: DecodingConfig) -> Tensor:
    """The token (R,) at which the cumulative probability of each row of logits (R, V) passes its number (R,)."""
    scaled, tokens = logits / config.temperature, None
    if config.top_k is not None:
        scaled, tokens = scaled.topk(min(config.top_k, scaled.size(1)))
    elif config.top_p < 1:
        scaled, tokens = scaled.sort(stable=True, descending=True)
    probabilities = scaled.double().softmax(-1)
    if config.top_p < 1:
        before = probabilities.cumsum(-1) - probabilities
        probabilities = probabilities.masked_fill(before >= config.top_p, 0)
    cumulative = probabilities.cumsum(-1)
    found = torch.searchsorted(cumulative, numbers[:, None] * cumulative[:, -1:], right=True)
    found = found.clamp(max=cumulative.size(1) - 1)
    return (found if tokens is None else tokens.gather(1, found)).squeeze(1)
