"""Sampling: tokens drawn at random from the model's distribution or its most probable part.

The temperature divides the logits first; then only the `top_k` most probable tokens remain (Fan et
al. 2018, arXiv:1805.04833), then the fewest most probable that together have the probability
`top_p` (Holtzman et al. 2020, arXiv:1904.09751).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from seq2seq.decoding.config import DecodingConfig
from seq2seq.decoding.greedy import IndependentPaths
from seq2seq.decoding.state import Prediction, SearchState
from seq2seq.padding import EOS_ID


def sample(state: SearchState, seeds: Sequence[int]) -> None:
    """Sample every hypothesis of every sentence independently.

    Args:
        seeds: one per sentence of the batch. All samples of a sentence follow from its seed alone.
    """
    config, shape = state.config, state.total.shape[1:]
    numbers = uniform_numbers(seeds, state.constraints.limit, config.n_best)
    paths = IndependentPaths(state)
    while state.live:
        of_step = numbers[state.sentences, state.step].flatten()
        parts = [
            sample_tokens(prediction, of_step[prediction.rows], config)
            for prediction in state.predictions()
        ]
        ends, values, tokens = (
            torch.cat(column).view(-1, *shape) for column in zip(*parts, strict=True)
        )
        paths.extend(ends, values, tokens)


def sample_tokens(
    prediction: Prediction, numbers: Tensor, config: DecodingConfig
) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probabilities (P,) of </s> and of a sampled token, and that token (P,)."""
    _, logits, normaliser = prediction
    tokens = tokens_at(logits, numbers, config)
    values = logits.gather(1, tokens[:, None]).squeeze(1)
    return logits[:, EOS_ID] - normaliser, values - normaliser, tokens


def uniform_numbers(seeds: Sequence[int], limit: Tensor, count: int) -> Tensor:
    """(N, longest limit + 1, count) float64 in [0, 1); one generator per sentence."""
    assert len(seeds) == limit.numel(), "one seed per sentence"
    numbers = torch.zeros(len(seeds), int(limit.max()) + 1, count, dtype=torch.float64)
    for row, (seed, length) in enumerate(zip(seeds, limit.tolist(), strict=True)):
        generator = torch.Generator().manual_seed(seed)
        numbers[row, : length + 1] = torch.rand(
            length + 1, count, dtype=torch.float64, generator=generator
        )
    return numbers.to(limit.device)


def tokens_at(logits: Tensor, numbers: Tensor, config: DecodingConfig) -> Tensor:
    """Inverse transform sampling from the truncated distribution of each row.

    Args:
        logits: (R, V).
        numbers: (R,) uniform in [0, 1).

    Returns:
        (R,) the token at which the cumulative probability exceeds the row's number.
    """
    logits = logits.double()
    # At most 0, so that no temperature makes more than one infinity, or none, of equal logits.
    scaled, tokens = (logits - logits.amax(-1, keepdim=True)) / config.temperature, None
    if config.top_k is not None:
        scaled, tokens = scaled.topk(min(config.top_k, scaled.size(1)))
    elif config.top_p < 1:
        scaled, tokens = scaled.sort(stable=True, descending=True)
    probabilities = scaled.softmax(-1)
    if config.top_p < 1:
        preceding = probabilities.cumsum(-1) - probabilities
        probabilities = probabilities.masked_fill(preceding >= config.top_p, 0)
    cumulative = probabilities.cumsum(-1)
    whole = cumulative[:, -1:]
    below = torch.nextafter(whole, torch.zeros_like(whole))  # so that a token is always reached
    columns = torch.searchsorted(cumulative, (numbers[:, None] * whole).minimum(below), right=True)
    return (columns if tokens is None else tokens.gather(1, columns)).squeeze(1)
