"""Samples follow the model's distribution, the options and the seed, and nothing else."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from seq2seq.decoding.config import DecodingConfig, DecodingMethod
from seq2seq.decoding.sampling import tokens_at
from seq2seq.decoding.search import sentence_seed
from seq2seq.padding import Tokens
from tests.decoding.tiny import one, search_batch, sources, tiny, whole_logits

SAMPLING = DecodingConfig(method=DecodingMethod.sampling, n_best=3)
DRAWS = 20_000


def frequencies(logits: Tensor, config: DecodingConfig) -> Tensor:
    numbers = torch.rand(DRAWS, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    tokens = tokens_at(logits.expand(DRAWS, -1), numbers, config)
    return tokens.bincount(minlength=logits.numel()) / DRAWS


@pytest.mark.parametrize(
    ("config", "remaining"),
    [
        (SAMPLING, [0, 1, 2, 3, 4]),
        (replace(SAMPLING, temperature=0.5), [0, 1, 2, 3, 4]),
        (replace(SAMPLING, temperature=3.0), [0, 1, 2, 3, 4]),
        (replace(SAMPLING, top_k=2), [1, 3]),
        (replace(SAMPLING, top_k=99), [0, 1, 2, 3, 4]),
        (replace(SAMPLING, top_p=0.7), [1, 3]),
        (replace(SAMPLING, top_p=0.71), [1, 3, 0]),
        (replace(SAMPLING, top_p=0.05), [3]),
        (replace(SAMPLING, top_k=4, top_p=0.7), [1, 3]),
        (replace(SAMPLING, top_k=3, top_p=0.9, temperature=2.0), [0, 1, 3]),
    ],
    ids=str,
)
def test_tokens_are_sampled_in_proportion(config: DecodingConfig, remaining: list[int]) -> None:
    logits = torch.tensor([0.2, 0.3, 0.06, 0.4001, 0.0399]).log() + 7
    frequency = frequencies(logits, config)
    expected = torch.zeros(5)
    expected[remaining] = (logits[remaining] / config.temperature).softmax(-1)
    assert torch.equal(frequency > 0, expected > 0)
    assert torch.allclose(frequency, expected, atol=4 * (0.25 / DRAWS) ** 0.5)


def test_an_impossible_token_is_never_sampled() -> None:
    logits = torch.tensor([float("-inf"), 1.0, float("-inf"), 1.0, float("-inf")])
    numbers = torch.tensor([0.0, 0.4999, 0.5, 1 - 2**-53], dtype=torch.float64)
    for config in (SAMPLING, replace(SAMPLING, top_p=0.99), replace(SAMPLING, top_k=4)):
        assert tokens_at(logits.expand(4, -1), numbers, config).tolist() == [1, 1, 3, 3]


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("temperature", [5e-324, 1e-38, 1e-6, 1.0, 1e9, 1e38, 1e308])
@pytest.mark.parametrize(
    "truncation", [{}, {"top_k": 3}, {"top_p": 0.9}, {"top_p": 5e-324}], ids=str
)
def test_no_temperature_makes_samples_degenerate(
    scale: float, temperature: float, truncation: dict[str, Any]
) -> None:
    """The likeliest of two tokens, in the limit, and never the last or an impossible one."""
    logits = torch.tensor([float("-inf"), 2.0, 1.0, float("-inf")]) * scale
    numbers = torch.tensor([0.0, 0.25, 0.75, 1 - 2**-53], dtype=torch.float64)
    config = replace(SAMPLING, temperature=temperature, **truncation)
    tokens = tokens_at(logits.expand(4, -1), numbers, config).tolist()
    ratio = scale / temperature if temperature > 1e-300 else float("inf")
    if truncation == {"top_p": 5e-324} or ratio > 100:
        assert tokens == [1, 1, 1, 1]
    else:
        probability = 1 / (1 + math.exp(-ratio))
        assert tokens == [1, 1, 1 if probability > 0.75 else 2, 2]


def test_first_tokens_follow_the_model() -> None:
    """Many samples of one sentence: the first token is as frequent as it is probable."""
    model, source = tiny(sharpness=1.0), sources([4])
    config = replace(SAMPLING, n_best=4000, max_length_ratio=0.0, max_length_offset=1)
    (hypotheses,) = search_batch([model], source, config)
    first = torch.tensor([h.tokens[0] if h.tokens else 3 for h in hypotheses]).bincount(
        minlength=12
    ) / len(hypotheses)
    with torch.no_grad():
        logits = whole_logits(model, source, Tokens.of([[2]], pad_id=1))
    logits[..., [1, 2]] = float("-inf")
    assert torch.allclose(first, logits[0, 0].softmax(-1), atol=4 * (0.25 / len(hypotheses)) ** 0.5)


def test_samples_are_a_function_of_the_seed() -> None:
    model, source = tiny(sharpness=1.0), sources([5] * 8)
    first = search_batch([model], source, SAMPLING)
    assert search_batch([model], source, SAMPLING) == first
    assert search_batch([model], source, replace(SAMPLING, seed=2)) != first
    assert len({tuple(h.tokens) for h in first[0]}) > 1


def test_samples_depend_on_the_seed_of_the_sentence_alone() -> None:
    """Alone or in a batch, whatever the state of the global generator."""
    model, source = tiny(sharpness=1.0), sources([5] * 8)
    seeds = [sentence_seed(7, row) for row in range(8)]
    together = search_batch([model], source, SAMPLING, seeds=seeds)
    torch.manual_seed(99)
    for row in (0, 5):
        assert search_batch([model], one(source, row), SAMPLING, seeds=[seeds[row]]) == [
            together[row]
        ]


def test_the_global_generator_is_not_used() -> None:
    model, source = tiny(), sources([5] * 3)
    state = torch.get_rng_state()
    search_batch([model], source, SAMPLING)
    assert torch.equal(torch.get_rng_state(), state)
