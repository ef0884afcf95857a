"""Translation by CTranslate2: the same lines, alignments and refusals as by the own search."""

from dataclasses import replace

import pytest
import torch

from seq2seq.alignment.config import AlignmentConfig, Measure
from seq2seq.attention.catalogue import LinearConfig
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.decoding.config import DecodingConfig, Engine, Quantization
from seq2seq.errors import ConfigError
from seq2seq.evaluation import translate
from seq2seq.evaluation.translate import Translator
from seq2seq.evaluation.translation import Translation
from seq2seq.model.transformer import Transformer
from seq2seq.padding import EOS_ID
from tests.decoding.tiny import tiny
from tests.engine.expressible_models import ATTENTIONS, small_model, small_tokenizers

pytest.importorskip("ctranslate2", reason="CTranslate2 is not installed")

OWN = DecodingConfig(beam_size=3, n_best=2, batch_size=4)
ENGINE = replace(OWN, engine=Engine.ctranslate2, inter_threads=2)
LINES = ["the dog sees a green field", "", "birds", "rain over the field", "the dog", "   "]


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> Tokenizers:
    return small_tokenizers(tmp_path_factory.mktemp("tokenizer"))


def model_for(tokenizers: Tokenizers) -> Transformer:
    return small_model(tokenizers.target.vocab_size, ATTENTIONS["gqa"])


def assert_alike(by_engine: list[Translation], own: list[Translation]) -> None:
    assert [x.source for x in by_engine] == [x.source for x in own]
    assert [x.text for x in by_engine] == [x.text for x in own]
    for a, b in zip(by_engine, own, strict=True):
        assert [x.tokens for x in a.n_best] == [x.tokens for x in b.n_best]
        assert a.score == pytest.approx(b.score, abs=1e-4)
        assert (a.cut, a.n_best[0].finished) == (b.cut, b.n_best[0].finished)


def test_lines_are_translated_as_by_the_own_search(tokenizers: Tokenizers) -> None:
    """Sentences that reach their limit among them, which the own search translates."""
    model = model_for(tokenizers)
    finished: list[int] = []
    own = list(Translator([model], tokenizers, OWN).translate(LINES))
    translator = Translator([model], tokenizers, ENGINE)
    assert_alike(list(translator.translate(LINES, progress=finished.append)), own)
    assert sum(finished) == len(LINES)
    assert translator.engine is not None
    units = tokenizers.source.encode_batch([line for line in LINES if line.strip()])
    (found,) = translator.engine.search([units], ENGINE, weights=False)
    assert any(found)
    assert_alike(list(translator.translate(LINES, window=2)), own)


def test_sentences_at_their_limit_are_those_of_the_own_search_bit_for_bit(
    tokenizers: Tokenizers,
) -> None:
    model = model_for(tokenizers)
    with torch.no_grad():
        model.output.weight[EOS_ID] = 0
        model.output.weight[EOS_ID + 1] *= 5
    short = {"max_length_ratio": 0.0, "max_length_offset": 3}
    own = Translator([model], tokenizers, replace(OWN, **short)).translate(LINES)
    by_engine = Translator([model], tokenizers, replace(ENGINE, **short)).translate(LINES)
    assert [x.n_best for x in by_engine] == [x.n_best for x in own]


@pytest.mark.parametrize("aligned", [False, True])
def test_greedy_translations_at_their_limit_are_not_searched_again(
    tokenizers: Tokenizers, monkeypatch: pytest.MonkeyPatch, aligned: bool
) -> None:
    """Limits of several lengths in one batch, which some sentences end before."""
    model = model_for(tokenizers)
    options = {"beam_size": 1, "n_best": 1, "max_length_ratio": 0.5, "max_length_offset": 1}
    alignment = AlignmentConfig() if aligned else None
    own = Translator([model], tokenizers, replace(OWN, **options), alignment)
    expected = list(own.translate(LINES))
    assert {x.n_best[0].finished for x in expected if x.source.strip()} >= {False}
    monkeypatch.delattr(translate, "search")
    by_engine = Translator([model], tokenizers, replace(ENGINE, **options), alignment)
    found = list(by_engine.translate(LINES))
    assert_alike(found, expected)
    for a, b in zip(found, expected, strict=True):
        assert (a.alignment and a.alignment.links) == (b.alignment and b.alignment.links)


@pytest.mark.parametrize(
    "alignment",
    [
        AlignmentConfig(),
        AlignmentConfig(layer=0, heads=[3, 1], use_input_row=True),
        AlignmentConfig(all_layers=True),
        AlignmentConfig(layer=0, heads=[3, 1], use_input_row=True, measure=Measure.norm),
    ],
)
@pytest.mark.parametrize("beam_size", [1, 3])
def test_alignments_are_those_of_the_model(
    tokenizers: Tokenizers, beam_size: int, alignment: AlignmentConfig
) -> None:
    model = model_for(tokenizers)
    searched = {"beam_size": beam_size, "n_best": 1}
    translator = Translator([model], tokenizers, replace(OWN, **searched), alignment)
    own = list(translator.translate(LINES))
    translator = Translator([model], tokenizers, replace(ENGINE, **searched), alignment)
    by_engine = list(translator.translate(LINES))
    assert_alike(by_engine, own)
    for a, b in zip(by_engine, own, strict=True):
        assert a.alignment is not None
        assert b.alignment is not None
        assert a.alignment.links == b.alignment.links
        assert a.alignment.source_subwords == b.alignment.source_subwords
        torch.testing.assert_close(a.alignment.weights, b.alignment.weights, rtol=1e-3, atol=1e-4)
        assert (a.alignment.all_weights is None) == (b.alignment.all_weights is None)


def test_an_engine_is_used_again_while_its_options_stay(tokenizers: Tokenizers) -> None:
    model = model_for(tokenizers)
    first = Translator([model], tokenizers, ENGINE)
    engine = first.engine
    again = Translator([model], tokenizers, replace(ENGINE, beam_size=2), engine=engine)
    assert again.engine is engine
    other = replace(ENGINE, quantization=Quantization.int8)
    assert Translator([model], tokenizers, other, engine=engine).engine is not engine
    assert Translator([model], tokenizers, OWN, engine=engine).engine is None


def test_what_the_engine_cannot_do_is_refused_at_once(tokenizers: Tokenizers) -> None:
    size = tokenizers.target.vocab_size
    models = [small_model(size), tiny(vocab=size, cross=LinearConfig())]
    with pytest.raises(ConfigError) as raised:
        Translator(models, tokenizers, ENGINE)
    ensemble, mechanism = raised.value.problems
    assert ensemble == (
        "decoding.engine: must be torch for an ensemble, not ctranslate2; choose "
        "decoding.engine=torch, or one run"
    )
    assert mechanism.startswith("model.decoder.cross_attention: must be one of full, mqa")


def test_another_device_is_refused(tokenizers: Tokenizers) -> None:
    elsewhere = small_model(tokenizers.target.vocab_size).to("meta")
    with pytest.raises(ConfigError, match="device: must be cpu with decoding.engine=ctranslate2"):
        Translator([elsewhere], tokenizers, ENGINE)


def test_prefixes_are_refused(tokenizers: Tokenizers) -> None:
    translator = Translator([model_for(tokenizers)], tokenizers, ENGINE)
    with pytest.raises(ConfigError, match="prefixes: must not be given with decoding.engine"):
        list(translator.translate(["the dog"], prefixes=["a"]))
