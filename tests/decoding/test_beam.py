"""Beam and greedy search against plain searches without caches."""

from dataclasses import replace

import pytest
import torch

from seq2seq.attention.config import AttentionConfig
from seq2seq.decoding import beam
from seq2seq.decoding.config import DecodingConfig, LengthPenalty
from seq2seq.decoding.ensemble import SENTENCES_STEP, EnsembleState
from seq2seq.model.transformer import Transformer
from seq2seq.padding import Tokens
from tests.decoding.tiny import (
    BOS,
    EOS,
    PAD,
    exhaustive,
    mechanisms_in_every_role,
    near,
    next_log_probabilities,
    one,
    plain_beam_search,
    score_batch,
    search_batch,
    sources,
    tiny,
)

PENALTIES = [
    DecodingConfig(length_penalty=LengthPenalty.none),
    DecodingConfig(length_penalty=LengthPenalty.average, alpha=1.0),
    DecodingConfig(length_penalty=LengthPenalty.average, alpha=0.4),
    DecodingConfig(length_penalty=LengthPenalty.gnmt, alpha=0.8),
]
LENGTHS = [3, 5, 1, 7, 5, 4]
MECHANISMS = mechanisms_in_every_role()
every_mechanism = pytest.mark.parametrize("roles", MECHANISMS.values(), ids=MECHANISMS)


def limited(config: DecodingConfig, *, beam_size: int, n_best: int = 1) -> DecodingConfig:
    """With a limit of source length + 2."""
    return replace(
        config, beam_size=beam_size, n_best=n_best, max_length_ratio=1.0, max_length_offset=2
    )


@pytest.mark.parametrize("penalty", PENALTIES, ids=lambda c: f"{c.length_penalty.value}-{c.alpha}")
@pytest.mark.parametrize("minimum", [0, 2])
def test_a_beam_that_holds_every_prefix_is_an_exhaustive_search(
    penalty: DecodingConfig, minimum: int
) -> None:
    model, source = tiny(vocab=6, sharpness=1.5), sources([1, 2, 4], vocab=6)
    config = replace(
        penalty,
        beam_size=81,
        n_best=5,
        max_length_ratio=0.0,
        max_length_offset=3,
        min_length=minimum,
        allow_unknown=True,
    )
    results = search_batch([model], source, config)
    for row, hypotheses in enumerate(results):
        expected = exhaustive(model, one(source, row), config, limit=3, minimum=minimum)[:5]
        assert [hypothesis.tokens for hypothesis in hypotheses] == [
            tokens for _, tokens in expected
        ]
        for hypothesis, (score, _) in zip(hypotheses, expected, strict=True):
            assert near(hypothesis.score, score)


@pytest.mark.parametrize("penalty", PENALTIES, ids=lambda c: f"{c.length_penalty.value}-{c.alpha}")
@pytest.mark.parametrize("beam_size", [1, 2, 4])
def test_beam_search_equals_a_plain_one(penalty: DecodingConfig, beam_size: int) -> None:
    config = limited(penalty, beam_size=beam_size, n_best=max(beam_size // 2, 1))
    for seed in range(2):
        model, source = tiny(seed=seed), sources(LENGTHS, seed=seed)
        results = search_batch([model], source, config)
        for row, hypotheses in enumerate(results):
            expected = plain_beam_search(model, one(source, row), config, limit=LENGTHS[row] + 2)
            assert [hypothesis.tokens for hypothesis in hypotheses] == [
                tokens for _, tokens in expected
            ]
            assert all(
                near(h.score, score) for h, (score, _) in zip(hypotheses, expected, strict=True)
            )


def plain_greedy(model: Transformer, source: Tokens, limit: int) -> list[int]:
    tokens: list[int] = []
    while len(tokens) < limit:
        (values,) = next_log_probabilities(model, source, [tokens])
        values[PAD] = values[BOS] = -float("inf")
        best = values.index(max(values))
        if best == EOS:
            break
        tokens.append(best)
    return tokens


def test_a_beam_of_one_is_greedy_search(monkeypatch: pytest.MonkeyPatch) -> None:
    config = limited(DecodingConfig(), beam_size=1)
    model, source = tiny(seed=1), sources(LENGTHS)
    greedy = search_batch([model], source, config)
    for row, (hypothesis,) in enumerate(greedy):
        assert hypothesis.tokens == plain_greedy(model, one(source, row), LENGTHS[row] + 2)
    monkeypatch.setattr(
        "seq2seq.decoding.search.greedy_search", lambda state: beam.beam_search(state, 1)
    )
    as_beam = search_batch([model], source, config)
    for (expected,), (hypothesis,) in zip(greedy, as_beam, strict=True):
        assert hypothesis.tokens == expected.tokens
        assert near(hypothesis.log_probability, expected.log_probability, 1e-6)
    assert any(hypothesis.finished for (hypothesis,) in greedy)


@pytest.mark.parametrize("beam_size", [1, 2])
def test_of_equal_continuations_the_end_comes_first(beam_size: int) -> None:
    (hypotheses,) = search_batch(
        [tiny(sharpness=0.0)], sources([4]), limited(DecodingConfig(), beam_size=beam_size)
    )
    assert hypotheses[0].tokens == []


@every_mechanism
@pytest.mark.parametrize("beam_size", [1, 3])
def test_scores_are_those_of_the_forced_tokens(
    roles: dict[str, AttentionConfig], beam_size: int
) -> None:
    model, source = tiny(**roles), sources(LENGTHS)
    results = search_batch(
        [model], source, limited(DecodingConfig(), beam_size=beam_size, n_best=beam_size)
    )
    for rank in range(beam_size):
        forced = score_batch([model], source, [h[rank].tokens for h in results])
        for hypotheses, values in zip(results, forced, strict=True):
            assert len(values) == len(hypotheses[rank].tokens) + 1
            assert abs(hypotheses[rank].log_probability - float(values.sum())) < 1e-4


@every_mechanism
@pytest.mark.parametrize("beam_size", [1, 3])
def test_a_sentence_has_the_same_translation_in_any_batch(
    roles: dict[str, AttentionConfig], beam_size: int
) -> None:
    """Bit for bit in batches of one width, so that ties and near ties cannot fall differently.

    The model is 64 wide: torch computes the last numbers of a tensor, up to a multiple of 64, by
    other instructions.
    """
    model, source = tiny(**roles, d_model=64, layers=1), sources([7, 6, 5, 4] * 10)
    config = limited(DecodingConfig(), beam_size=beam_size, n_best=beam_size)
    together = search_batch([model], source, config)
    for rows in (range(3, 20), [0], [17], [39]):
        part = source.select(torch.tensor(list(rows)))
        assert search_batch([model], part, config) == [together[row] for row in rows]


@pytest.mark.parametrize("beam_size", [1, 3])
def test_padding_changes_no_translation(beam_size: int) -> None:
    model, source = tiny(seed=2), sources(LENGTHS)
    config = limited(DecodingConfig(), beam_size=beam_size)
    for row, (hypothesis,) in enumerate(search_batch([model], source, config)):
        ((alone,),) = search_batch([model], one(source, row), config)
        assert alone.tokens == hypothesis.tokens
        assert near(alone.score, hypothesis.score, 1e-5)


@pytest.mark.parametrize("beam_size", [1, 2])
def test_finished_sentences_leave(beam_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With limits of 2 to 49 tokens the decoder and its caches shrink from step to step."""
    model = tiny(longest=64)
    lengths = list(range(1, 49))
    rows: list[tuple[int, int, int]] = []
    step = EnsembleState.step

    def counted(self: EnsembleState, tokens: torch.Tensor) -> list[torch.Tensor]:
        state = self.states[0]
        rows.append((tokens.numel(), state.target[0].rows, state.source[0].rows))
        return step(self, tokens)

    monkeypatch.setattr(EnsembleState, "step", counted)
    config = DecodingConfig(
        beam_size=beam_size, max_length_ratio=1.0, max_length_offset=1, min_length_ratio=1.0
    )
    search_batch([model], sources(lengths), config)
    assert rows[0] == (48, 48, 48)
    assert rows[1] == (48 * beam_size, 48 * beam_size, 48)
    assert all(tokens == cached == beam_size * sentences for tokens, cached, sentences in rows[1:])
    decoded = [sentences for _, _, sentences in rows]
    assert decoded == sorted(decoded, reverse=True)
    needed = [sum(length + 2 > step for length in lengths) for step in range(len(rows))]
    min_sentences = 16 // beam_size
    assert all(
        sentences <= max(live, min_sentences) + SENTENCES_STEP
        for sentences, live in zip(decoded, needed, strict=True)
    )


def test_an_early_stop_changes_nothing_but_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    step = EnsembleState.step
    monkeypatch.setattr(
        EnsembleState, "step", lambda self, tokens: steps.append(len(tokens)) or step(self, tokens)
    )
    model, source = tiny(seed=1, longest=64), sources(LENGTHS * 3, seed=4)
    config = DecodingConfig(beam_size=4, length_penalty=LengthPenalty.none)
    early, early_steps = search_batch([model], source, config), sum(steps)
    steps.clear()
    monkeypatch.setattr(
        beam.FinishedScores, "suffice", lambda self, beam_size, best_live: self.count >= beam_size
    )
    assert search_batch([model], source, config) == early
    assert sum(steps) > early_steps
