"""Decoding equals training, for every legal combination of mechanisms and positions."""

from functools import cache

import pytest
import torch
from torch import Tensor

from seq2seq.attention.config import Role
from seq2seq.attention.contract.batch import ensure_near
from seq2seq.decoding.config import DecodingConfig
from seq2seq.model.transformer import Transformer
from seq2seq.padding import Tokens
from tests.combinations import Combination, legal_combinations, sample
from tests.decoding.tiny import BOS, EOS, PAD, search_batch, sources, tiny, whole_logits

LENGTHS = [9, 0, 4, 11]  # subwords before the sentence end
STEPS = 12  # beyond every default window, stride and block
OFF = 5e-5  # of the greatest logit, or of one
UNDECIDED = 1e-3  # two tokens whose logits are nearer may be exchanged by rounding
GREEDY = DecodingConfig(beam_size=1, max_length_ratio=0.0, max_length_offset=STEPS)


@pytest.mark.parametrize("combination", sample(legal_combinations(), 60), ids=str)
def test_decoding_equals_training(combination: Combination) -> None:
    check(combination)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "position"),
    sorted({(legal.encoder, legal.position) for legal in legal_combinations()}),
)
def test_decoding_equals_training_in_every_combination(encoder: str, position: str) -> None:
    for combination in legal_combinations():
        if (combination.encoder, combination.position) == (encoder, position):
            check(combination)


def test_the_sample_holds_every_choice() -> None:
    for few, every in zip(
        choices(sample(legal_combinations(), 60)), choices(legal_combinations()), strict=True
    ):
        assert few == every


def choices(combinations: list[Combination]) -> list[set[str]]:
    return [
        {getattr(combination, name) for combination in combinations}
        for name in ("encoder", "decoder", "cross", "position")
    ]


@torch.no_grad()
def check(combination: Combination) -> None:
    """Greedy decoding from caches gives the tokens and logits of a pass over each whole prefix."""
    model, source = model_of(combination), batch()
    encoded = model.encode(source)
    state = model.start(encoded, capacity=STEPS)
    whole = torch.full((len(LENGTHS), 1), BOS)
    decided = torch.ones(len(LENGTHS), dtype=torch.bool)
    lengths = torch.zeros(len(LENGTHS), dtype=torch.long)
    stepped = []
    for step in range(STEPS):
        states, _ = model.decoder_states(Tokens.of(whole.tolist(), pad_id=PAD), encoded)
        expected = model.output(states[:, -1])
        stepped.append(model.decode_step(whole[:, -1:], state))
        ensure_near(stepped[-1][:, 0], expected, OFF, f"{combination}: logits of step {step}")
        likeliest = permitted(expected).topk(2)
        decided &= (lengths < step) | (likeliest.values[:, 0] - likeliest.values[:, 1] > UNDECIDED)
        lengths += (lengths == step) & (likeliest.indices[:, 0] != EOS)
        whole = torch.cat([whole, likeliest.indices[:, :1]], 1)
    trained_on = whole_logits(model, source, Tokens.of(whole[:, :-1].tolist(), pad_id=PAD))
    ensure_near(torch.cat(stepped, 1), trained_on, OFF, f"{combination}: logits of all steps")
    greedy = [hypotheses[0].tokens for hypotheses in search_batch([model], source, GREEDY)]
    for row, tokens in enumerate(greedy):
        expected_tokens = whole[row, 1 : 1 + int(lengths[row])].tolist()
        assert tokens == expected_tokens or not decided[row], f"{combination}, sentence {row}"


def permitted(logits: Tensor) -> Tensor:
    """Logits without the tokens that a search never produces."""
    return logits.index_fill(1, torch.tensor([PAD, BOS]), float("-inf"))


@cache
def batch() -> Tokens:
    return sources(LENGTHS)


def model_of(combination: Combination) -> Transformer:
    chosen = dict(combination.choices())
    return tiny(
        encoder=chosen[Role.ENCODER],
        causal=chosen[Role.CAUSAL],
        cross=chosen[Role.CROSS],
        position=combination.scheme(),
        layers=1,
        num_heads=4,
        longest=16,
    )
