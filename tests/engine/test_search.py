"""The same weights in both engines give the same scores, hypotheses and attention."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from seq2seq.alignment.extract import attention_weights
from seq2seq.attention.config import Role
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.decoding.config import DecodingConfig, Engine, LengthPenalty, Quantization
from seq2seq.decoding.ensemble import Ensemble
from seq2seq.decoding.hypotheses import Hypothesis
from seq2seq.decoding.search import score_targets, search
from seq2seq.engine.search import CTranslate2Engine, EngineOptions, Found
from seq2seq.engine.specification import AlignmentHeads
from seq2seq.errors import ConfigError
from seq2seq.model.transformer import Transformer
from seq2seq.padding import EOS_ID, UNK_ID, Tokens
from tests.engine.expressible_models import (
    ATTENTIONS,
    BANNED,
    LAST,
    LONGEST,
    Change,
    every_change,
    random_sources,
    small_model,
    small_tokenizers,
)

pytest.importorskip("ctranslate2", reason="CTranslate2 is not installed")

BEAM = DecodingConfig(beam_size=4, n_best=4, engine=Engine.ctranslate2)
CONFIGS = {
    "greedy": replace(BEAM, beam_size=1, n_best=1),
    "sum": replace(BEAM, n_best=3, length_penalty=LengthPenalty.none),
    "sum of one": replace(BEAM, n_best=1, length_penalty=LengthPenalty.none),
    "alpha": replace(BEAM, n_best=2, alpha=0.6),
    "alpha 0": replace(BEAM, n_best=2, alpha=0.0),
    "unknown": replace(BEAM, allow_unknown=True),
    "short": replace(BEAM, n_best=2, max_length_ratio=1.0, max_length_offset=2),
}
LENGTHS = (1, 2, 3, 5, 8, 30)


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> Tokenizers:
    return small_tokenizers(tmp_path_factory.mktemp("tokenizer"))


def engine_of(
    model: Transformer,
    tokenizers: Tokenizers,
    alignment: AlignmentHeads = LAST,
    quantization: Quantization = Quantization.float32,
) -> CTranslate2Engine:
    return CTranslate2Engine(model, tokenizers, EngineOptions(quantization, 1, 1, alignment))


def own(
    model: Transformer, sources: list[list[int]], config: DecodingConfig
) -> list[list[Hypothesis]]:
    ensemble = Ensemble([model])
    banned = [] if config.allow_unknown else [UNK_ID]
    return search(ensemble, ensemble.encode(Tokens.source(sources)), config, banned_tokens=banned)


def found_by(
    engine: CTranslate2Engine, sources: list[list[int]], config: DecodingConfig
) -> list[Found | None]:
    (found,) = engine.search([sources], config, weights=False)
    return found


def assert_same(found: list[Found | None], expected: list[list[Hypothesis]]) -> None:
    """Every list that the engine has found is that of the own search."""
    for result, hypotheses in zip(found, expected, strict=True):
        if result is None:
            continue
        assert [x.tokens for x in result.hypotheses] == [x.tokens for x in hypotheses]
        for a, b in zip(result.hypotheses, hypotheses, strict=True):
            assert a.finished
            assert a.score == pytest.approx(b.score, abs=3e-5)
            assert a.log_probability == pytest.approx(b.log_probability, abs=3e-4)


@every_change
def test_every_model_gives_the_same_n_best_lists_and_scores(
    tokenizers: Tokenizers, change: Change
) -> None:
    """Forced decoding reads whole targets, the search goes step by step: both are compared."""
    size = tokenizers.target.vocab_size
    model = small_model(size, change)
    engine = engine_of(model, tokenizers)
    sources, targets = random_sources(size, [3, 39, 1]), random_sources(size, [39, 2, 20])
    ensemble = Ensemble([model])
    expected = score_targets(ensemble, ensemble.encode(Tokens.source(sources)), targets)
    end = [engine.source[EOS_ID]]
    scored = engine._translator.score_batch(
        [[engine.source[token] for token in source] + end for source in sources],
        [[engine.target[token] for token in target] for target in targets],
        max_input_length=0,
    )
    for result, values in zip(scored, expected, strict=True):
        torch.testing.assert_close(torch.tensor(result.log_probs), values, rtol=1e-4, atol=1e-4)

    sources = random_sources(size, LENGTHS)
    assert_same(found_by(engine, sources, BEAM), own(model, sources, BEAM))


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_every_option_that_is_honoured_gives_the_same_lists(
    tokenizers: Tokenizers, config: DecodingConfig
) -> None:
    size = tokenizers.target.vocab_size
    model = small_model(size, ATTENTIONS["gqa"])
    sources = random_sources(size, LENGTHS)
    found = found_by(engine_of(model, tokenizers), sources, config)
    assert any(found), "some sentences end before their limit"
    found = [None if x is not None and x.cut_short else x for x in found]
    assert_same(found, own(model, sources, config))
    for result, source in zip(found, sources, strict=True):
        limit = int(len(source) * config.max_length_ratio) + config.max_length_offset
        longest = min(limit, LONGEST - 1)
        assert result is None or all(len(x.tokens) < longest for x in result.hypotheses)


def test_a_sentence_that_reaches_its_own_limit_is_handed_back(tokenizers: Tokenizers) -> None:
    """Also in a batch whose other limits are larger."""
    size = tokenizers.target.vocab_size
    model = small_model(size, ATTENTIONS["gqa"])
    with torch.no_grad():
        model.output.weight[EOS_ID] = 0
        model.output.weight[EOS_ID + 1] *= 5
    sources = random_sources(size, [2, 3, 4])
    config = replace(BEAM, max_length_ratio=1.0, max_length_offset=3)
    assert found_by(engine_of(model, tokenizers), sources, config) == [None, None, None]


def test_a_sentence_with_a_token_that_is_never_produced_is_handed_back(
    tokenizers: Tokenizers,
) -> None:
    """It is found where the token may be produced, with the same scores."""
    size = tokenizers.target.vocab_size
    model = small_model(size, ATTENTIONS["gqa"])
    sources = random_sources(size, LENGTHS)
    produced = [token for (best, *_) in own(model, sources, BEAM) for token in best.tokens]
    with torch.no_grad():
        likely = max(produced, key=produced.count)
        model.output.weight[UNK_ID] = model.output.weight[likely] * 1.01
    engine = engine_of(model, tokenizers)
    allowed = replace(BEAM, allow_unknown=True)
    found = found_by(engine, sources, allowed)
    assert_same(found, own(model, sources, allowed))
    has_unknown = [x is not None and any(UNK_ID in y.tokens for y in x.hypotheses) for x in found]
    assert any(has_unknown)
    for result, unknown in zip(found_by(engine, sources, BEAM), has_unknown, strict=True):
        assert not unknown or result is None


@pytest.mark.parametrize(("name", "beam_size"), [("gqa", 1), ("gqa", 4), ("three kinds", 1)])
@pytest.mark.parametrize("alignment", [LAST, AlignmentHeads(0, (3, 1)), AlignmentHeads(1, (2,))])
def test_the_attention_of_the_chosen_layer_and_heads_is_returned(
    tokenizers: Tokenizers, name: str, beam_size: int, alignment: AlignmentHeads
) -> None:
    """All rows of a greedy search, all but the first of a beam search."""
    size = tokenizers.target.vocab_size
    model = small_model(size, ATTENTIONS[name])
    engine = engine_of(model, tokenizers, alignment)
    sources = random_sources(size, LENGTHS)
    config = replace(BEAM, beam_size=beam_size, n_best=1)
    (found,) = engine.search([sources], config, weights=True)
    assert any(found)
    for source, result in zip(sources, found, strict=True):
        if result is None:
            continue
        target = Tokens.target([result.hypotheses[0].tokens])
        encoded = model.encode(Tokens.source([source]))
        key = (Role.CROSS, alignment.layer)
        (weights,) = attention_weights(model, encoded, target, [key])
        expected = weights[Role.CROSS][0, list(alignment.heads)].mean(0)
        first = 0 if beam_size == 1 else 1
        torch.testing.assert_close(
            result.attention()[first:], expected[first:], rtol=1e-3, atol=1e-4
        )


def test_batches_and_threads_change_nothing_but_rounding(tokenizers: Tokenizers) -> None:
    size = tokenizers.target.vocab_size
    model = small_model(size, ATTENTIONS["gqa"])
    sources = random_sources(size, LENGTHS)
    whole = found_by(engine_of(model, tokenizers), sources, BEAM)
    parallel = CTranslate2Engine(model, tokenizers, EngineOptions(Quantization.float32, 2, 1, LAST))
    alone = [
        row for (row,) in parallel.search([[source] for source in sources], BEAM, weights=False)
    ]
    assert any(whole)
    for a, b in zip(whole, alone, strict=True):
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            assert [x.tokens for x in a.hypotheses] == [x.tokens for x in b.hypotheses]


def test_int8_searches_with_the_same_options(tokenizers: Tokenizers) -> None:
    size = tokenizers.target.vocab_size
    model = small_model(size, ATTENTIONS["gqa"])
    sources = random_sources(size, LENGTHS)
    produced = [x.tokens[0] for (x,) in own(model, sources, CONFIGS["greedy"]) if x.tokens]
    with torch.no_grad():  # the large values that hide tokens and end sentences are rounded much
        model.output.weight[list(BANNED)] = 0
        model.output.weight[EOS_ID] = model.output.weight[produced[0]] * 1.05
    engine = engine_of(model, tokenizers, quantization=Quantization.int8)
    assert engine._translator.compute_type.startswith("int8")
    found = found_by(engine, sources, CONFIGS["greedy"])
    assert any(found)
    expected = own(model, sources, CONFIGS["greedy"])
    for result, (hypothesis,) in zip(found, expected, strict=True):
        if result is not None and result.hypotheses[0].tokens == hypothesis.tokens:
            assert result.hypotheses[0].score == pytest.approx(hypothesis.score, abs=0.2)


def test_options_of_the_engine_reach_it(tokenizers: Tokenizers) -> None:
    model = small_model(tokenizers.target.vocab_size)
    config = replace(
        BEAM, quantization=Quantization.int8, inter_threads=3, intra_threads=2, beam_size=4
    )
    options = EngineOptions.of(config, LAST)
    assert (options.inter_threads, options.intra_threads) == (3, 2)
    translator = CTranslate2Engine(model, tokenizers, options)._translator
    assert translator.num_translators == 3
    assert translator.compute_type.startswith("int8")
    threads = torch.get_num_threads()
    assert EngineOptions.of(BEAM, LAST).inter_threads == threads
    assert EngineOptions.of(replace(BEAM, intra_threads=1_024), LAST).inter_threads == 1


def test_a_quantization_that_the_processor_lacks_is_refused(
    tokenizers: Tokenizers, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ctranslate2

    monkeypatch.setattr(ctranslate2, "get_supported_compute_types", lambda device: {"float32"})
    model = small_model(tokenizers.target.vocab_size)
    with pytest.raises(ConfigError, match="decoding.quantization: must be one of float32 on this"):
        engine_of(model, tokenizers, quantization=Quantization.int8)


def test_a_beam_with_too_few_tokens_is_refused(tokenizers: Tokenizers) -> None:
    engine = engine_of(small_model(tokenizers.target.vocab_size), tokenizers)
    config = replace(BEAM, beam_size=36, n_best=1)
    with pytest.raises(ConfigError, match="decoding.beam_size: must be at most 35"):
        found_by(engine, [[5]], config)


def test_parameters_without_a_place_are_refused(tokenizers: Tokenizers) -> None:
    model = small_model(tokenizers.target.vocab_size)
    model.decoder.norm.register_parameter("gate", nn.Parameter(torch.ones(1)))
    with pytest.raises(ConfigError, match="has no place for the parameters decoder.norm.gate"):
        engine_of(model, tokenizers)
    replaced: Any = small_model(tokenizers.target.vocab_size)
    replaced.encoder.layers[0].feed_forward.inner = nn.Identity()
    with pytest.raises(ConfigError, match="must have the parameter encoder.layers.0.feed_forward"):
        engine_of(replaced, tokenizers)


def test_nothing_is_left_in_the_temporary_folder(
    tokenizers: Tokenizers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    engine = engine_of(small_model(tokenizers.target.vocab_size), tokenizers)
    assert list(tmp_path.iterdir()) == []
    assert len(found_by(engine, [[5, 6]], BEAM)) == 1
