"""Lengths, prefixes, banned tokens, ensembles, and inputs that are refused."""

import math
from dataclasses import replace

import pytest
import torch

from seq2seq.attention.config import AttentionConfig
from seq2seq.decoding import state
from seq2seq.decoding.config import DecodingConfig, DecodingMethod
from seq2seq.decoding.constraints import Constraints
from seq2seq.decoding.ensemble import log_sum
from seq2seq.decoding.hypotheses import Hypothesis
from seq2seq.decoding.search import sentence_seed
from seq2seq.errors import ConfigError, UserError
from seq2seq.padding import Features, Padding, Tokens
from tests.decoding.tiny import (
    BOS,
    EOS,
    PAD,
    UNK,
    mechanisms_in_every_role,
    near,
    one,
    score_batch,
    search_batch,
    sources,
    tiny,
    whole_logits,
)

LENGTHS = [3, 5, 1, 7, 5, 4]
METHODS = {
    "greedy": DecodingConfig(beam_size=1),
    "beam": DecodingConfig(beam_size=3, n_best=3),
    "sampling": DecodingConfig(method=DecodingMethod.sampling, n_best=3),
}
MECHANISMS = mechanisms_in_every_role()
every_mechanism = pytest.mark.parametrize("roles", MECHANISMS.values(), ids=MECHANISMS)
every_method = pytest.mark.parametrize("config", METHODS.values(), ids=METHODS)


def lengths_of(config: DecodingConfig, *, seed: int = 0) -> list[list[int]]:
    results = search_batch([tiny(seed=seed)], sources(LENGTHS), config)
    return [[len(hypothesis.tokens) for hypothesis in hypotheses] for hypotheses in results]


@every_method
def test_a_translation_is_no_longer_than_allowed(config: DecodingConfig) -> None:
    for ratio, offset in ((0.0, 1), (1.0, 0), (0.5, 2)):
        limits = [math.floor(length * ratio) + offset for length in LENGTHS]
        results = lengths_of(
            replace(config, max_length_ratio=ratio, max_length_offset=offset), seed=2
        )
        for lengths, limit in zip(results, limits, strict=True):
            assert max(lengths) <= limit
        assert any(max(lengths) == limit for lengths, limit in zip(results, limits, strict=True))


@every_method
def test_a_translation_is_no_shorter_than_allowed(config: DecodingConfig) -> None:
    assert min(map(min, lengths_of(config, seed=1))) < 4
    assert min(map(min, lengths_of(replace(config, min_length=4), seed=1))) >= 4
    by_ratio = lengths_of(replace(config, min_length_ratio=1.1, min_length=2), seed=1)
    for lengths, source in zip(by_ratio, LENGTHS, strict=True):
        assert min(lengths) >= max(math.ceil(source * 1.1), 2)


@every_method
def test_a_minimum_overrides_a_maximum(config: DecodingConfig) -> None:
    results = lengths_of(replace(config, min_length=6, max_length_ratio=0.0, max_length_offset=2))
    assert {length for lengths in results for length in lengths} == {6}


@every_method
def test_the_limit_of_the_model_overrides_every_option(config: DecodingConfig) -> None:
    model, source = tiny(longest=9, seed=2), sources(LENGTHS)
    long = replace(config, max_length_ratio=10.0, max_length_offset=100)
    results = search_batch([model], source, long)
    assert max(len(h.tokens) for hypotheses in results for h in hypotheses) == 8
    with pytest.raises(
        UserError, match=r"min_length.* require 9 subwords where the model produces at most 8"
    ):
        search_batch([model], source, replace(config, min_length=9))
    with pytest.raises(UserError, match="a forced prefix has 9"):
        search_batch([model], one(source, 0), config, prefixes=[[5] * 9])


@every_method
def test_a_translation_ended_by_the_limit_is_unfinished(config: DecodingConfig) -> None:
    (hypotheses,) = search_batch(
        [tiny(seed=2)],
        sources([5]),
        replace(config, max_length_ratio=0.0, max_length_offset=2),
    )
    assert not any(hypothesis.finished for hypothesis in hypotheses)
    assert any(h.finished for (h, *_) in search_batch([tiny(seed=1)], sources(LENGTHS), config))


@every_method
def test_special_tokens_are_never_produced(config: DecodingConfig) -> None:
    """All tokens are equally probable here, so the first permitted one is produced."""
    model, source = tiny(sharpness=0.0), sources([4] * 20)
    config = replace(config, min_length=3)
    produced = tokens_of(search_batch([model], source, config))
    assert produced.isdisjoint({PAD, BOS, EOS})
    assert UNK in produced
    produced = tokens_of(search_batch([model], source, config, banned_tokens=[UNK, 7]))
    assert produced.isdisjoint({PAD, BOS, EOS, UNK, 7})


def tokens_of(results: list[list[Hypothesis]]) -> set[int]:
    return {token for hypotheses in results for h in hypotheses for token in h.tokens}


@every_method
@every_mechanism
def test_prefixes_are_continued(roles: dict[str, AttentionConfig], config: DecodingConfig) -> None:
    """Prefixes of different lengths in one batch, with scores of their own tokens."""
    model, source = tiny(**roles, seed=1), sources(LENGTHS)
    prefixes = [[5, 6], [], [9], [UNK, 4, 4], [7, 8, 9, 10], [11]]
    results = search_batch([model], source, config, prefixes=prefixes, banned_tokens=[UNK])
    for prefix, hypotheses in zip(prefixes, results, strict=True):
        assert all(hypothesis.tokens[: len(prefix)] == prefix for hypothesis in hypotheses)
    forced = score_batch([model], source, [h[0].tokens for h in results])
    for hypotheses, values in zip(results, forced, strict=True):
        assert abs(hypotheses[0].log_probability - float(values.sum())) < 1e-4


def test_a_prefix_of_the_free_translation_changes_nothing() -> None:
    model, source = tiny(seed=1), sources(LENGTHS)
    config = METHODS["greedy"]
    free = search_batch([model], source, config)
    prefixes = [hypotheses[0].tokens[: row % 3] for row, hypotheses in enumerate(free)]
    assert search_batch([model], source, config, prefixes=prefixes) == free


@every_method
def test_a_prefix_does_not_lift_the_ban_for_other_sentences_or_later_tokens(
    config: DecodingConfig,
) -> None:
    """All tokens are equally probable here, so <unk>, the first, is produced unless banned."""
    model, source = tiny(sharpness=0.0), sources([4, 4])
    config = replace(config, min_length=3)
    first, second = search_batch(
        [model], source, config, banned_tokens=[UNK], prefixes=[[UNK, 5, UNK], []]
    )
    assert all(hypothesis.tokens[:3] == [UNK, 5, UNK] for hypothesis in first)
    assert not any(UNK in hypothesis.tokens for hypothesis in second)
    assert not any(UNK in hypothesis.tokens[3:] for hypothesis in first)


@every_method
def test_predicting_in_parts_changes_nothing(
    config: DecodingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large vocabularies are predicted some sentences at a time."""
    model, source = tiny(seed=1, longest=64), sources(list(range(3, 43)))
    prefixes = [[4 + row % 8] * (row % 3) for row in range(40)]
    config = replace(config, max_length_ratio=1.0, max_length_offset=0, min_length_ratio=0.5)
    whole = search_batch([model], source, config, prefixes=prefixes)
    parts: list[int] = []
    apply = Constraints.apply
    monkeypatch.setattr(state, "LOGITS_AT_ONCE", 1)
    monkeypatch.setattr(
        Constraints,
        "apply",
        lambda self, logits, *args: parts.append(len(logits)) or apply(self, logits, *args),
    )
    assert search_batch([model], source, config, prefixes=prefixes) == whole
    assert all(16 <= rows < 2 * 16 + 2 * config.hypotheses for rows in parts)


def test_n_best_is_ordered_and_distinct() -> None:
    results = search_batch([tiny()], sources(LENGTHS), DecodingConfig(beam_size=5, n_best=5))
    for hypotheses in results:
        assert len(hypotheses) == 5
        assert [h.score for h in hypotheses] == sorted((h.score for h in hypotheses), reverse=True)
        assert len({tuple(h.tokens) for h in hypotheses}) == 5


def test_a_space_smaller_than_the_beam() -> None:
    """Two tokens and the end, at most one token: only the translations that exist are returned."""
    model, source = tiny(vocab=6), sources([2], vocab=6)
    config = DecodingConfig(beam_size=8, n_best=8, max_length_ratio=0.0, max_length_offset=1)
    (hypotheses,) = search_batch([model], source, config, banned_tokens=[UNK])
    assert sorted(hypothesis.tokens for hypothesis in hypotheses) == [[], [4], [5]]


@every_method
def test_an_ensemble_of_a_model_with_itself_is_the_model(config: DecodingConfig) -> None:
    model, source = tiny(seed=1), sources(LENGTHS)
    alone = search_batch([model], source, config)
    twice = search_batch([model, model, model], source, config)
    for ours, theirs in zip(alone, twice, strict=True):
        assert [h.tokens for h in ours] == [h.tokens for h in theirs]
        assert all(near(a.score, b.score, 1e-5) for a, b in zip(ours, theirs, strict=True))


def test_an_ensemble_predicts_the_mean_probability() -> None:
    models = [tiny(seed=1), tiny(seed=2, d_model=24, longest=30)]
    source = sources(LENGTHS)
    results = search_batch(models, source, METHODS["beam"])
    targets = [hypotheses[0].tokens for hypotheses in results]
    together = score_batch(models, source, targets)
    by_model = [score_batch([model], source, targets) for model in models]
    for row, hypotheses in enumerate(results):
        mean = torch.stack([values[row].exp() for values in by_model]).mean(0).log()
        assert torch.allclose(together[row], mean, atol=1e-5)
        assert abs(hypotheses[0].log_probability - float(mean.sum())) < 1e-4


def test_an_ensemble_over_two_vocabularies_is_refused() -> None:
    with pytest.raises(ConfigError, match="12 subwords and 12 subwords; 13 subwords and 13"):
        search_batch([tiny(), tiny(vocab=13)], sources([3]), DecodingConfig())


@pytest.mark.parametrize("shape", [(1, 3), (20, 700), (70, 8000)], ids=str)
def test_the_normaliser_is_that_of_torch(shape: tuple[int, int]) -> None:
    logits = torch.randn(shape, generator=torch.Generator().manual_seed(1)) * 20
    logits[0, 1:] = float("-inf")
    assert torch.allclose(log_sum(logits.clone()), logits.logsumexp(-1), rtol=1e-6, atol=2e-6)


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ConfigError, match="beam_size"):
        search_batch([tiny()], sources([3]), DecodingConfig(beam_size=0))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_model_without_finite_predictions_is_refused(value: float) -> None:
    model = tiny()
    with torch.no_grad():
        model.output.weight[5] = value
    with pytest.raises(UserError, match="not finite"):
        search_batch([model], sources([3]), DecodingConfig())


def test_a_source_that_is_too_long_is_refused() -> None:
    with pytest.raises(UserError, match="at most 24"):
        search_batch([tiny()], sources([24]), DecodingConfig())


def test_a_model_in_training_is_not_decoded() -> None:
    with pytest.raises(AssertionError, match="evaluation mode"):
        search_batch([tiny().train()], sources([3]), DecodingConfig())


@pytest.mark.parametrize("lengths", [[2, 0, 5], [0]])
def test_scores_of_targets_are_the_log_probabilities_of_the_model(lengths: list[int]) -> None:
    model, source = tiny(), sources([3, 6, 1][: len(lengths)])
    target = sources(lengths, seed=5)
    rows = [target.ids[row, :length].tolist() for row, length in enumerate(lengths)]
    results = score_batch([model], source, rows)
    for row, tokens in enumerate([BOS, *tokens, EOS] for tokens in rows):
        with torch.inference_mode():
            logits = whole_logits(model, one(source, row), Tokens.of([tokens[:-1]], pad_id=PAD))
        expected = logits[0].log_softmax(-1)[range(len(tokens) - 1), tokens[1:]]
        assert torch.allclose(results[row], expected, atol=1e-5)


@every_method
def test_features_are_searched_without_their_padding(config: DecodingConfig) -> None:
    """Length limits count frames; padded frames may hold anything."""
    model = tiny(features=5, seed=1)
    values = torch.randn(3, 7, 5, generator=torch.Generator().manual_seed(1))
    padding = Padding(torch.tensor([7, 2, 5]), 7)
    spoilt = values.masked_fill(~padding.valid()[..., None], math.nan)
    config = replace(config, max_length_ratio=1.0, max_length_offset=0, min_length_ratio=1.0)
    results = search_batch([model], Features(spoilt, padding), config)
    assert [len(hypotheses[0].tokens) for hypotheses in results] == [7, 2, 5]
    for row, length in enumerate([7, 2, 5]):
        alone = Features(values[row : row + 1, :length], Padding(torch.tensor([length]), length))
        seeds = [sentence_seed(config.seed, row)]
        (expected,) = search_batch([model], alone, config, seeds=seeds)
        assert [h.tokens for h in results[row]] == [h.tokens for h in expected]
