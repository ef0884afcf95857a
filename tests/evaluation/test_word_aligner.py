"""Word weights follow from the model's cross-attention, whatever the batch."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from seq2seq.alignment.config import AlignmentConfig, Measure
from seq2seq.alignment.norms import contribution_norms, products_of_values
from seq2seq.attention.config import Role
from seq2seq.bundle.files import load_bundle
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.data.words import tokens_of_characters
from seq2seq.decoding.config import DecodingConfig
from seq2seq.evaluation import word_aligner
from seq2seq.evaluation.encoded_line import EncodedLine, encode_lines
from seq2seq.evaluation.translate import Translator
from seq2seq.evaluation.word_aligner import WordAligner, words_of
from seq2seq.model.transformer import Transformer
from seq2seq.padding import Tokens
from tests.results.bundles import LONGEST, make_run, sentences, train_tokenizers

SOURCES = [*sentences(10), "", "rain", "nearfieldandruns sees rain", " ".join(["birds"] * 40)]
TARGETS = [*sentences(10, seed=3), "dog", "", "日本 é sees", "while smallnear fieldbirds"]
LAYERS, HEADS, ROWS = (0, 1), ((), (1,), (0, 1)), (True, False)
Runs = tuple[list[Transformer], Tokenizers]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("runs")
    tokenizers = train_tokenizers(folder)
    paths: list[Path] = [make_run(folder / str(n), tokenizers, seed=n) for n in (1, 2)]
    return [load_bundle(path).model for path in paths], tokenizers


@torch.inference_mode()
def expected_weights(model: Transformer, source: EncodedLine, target: EncodedLine) -> Tensor:
    """(layers, groups, rows, T, S) of one pair alone, written out."""
    encoded = model.encode(Tokens.source([source.units]))
    keys = frozenset((Role.CROSS, layer) for layer in LAYERS)
    _, weights = model.decoder_states(Tokens.target([target.units]), encoded, weights_of=keys)
    layers = []
    for layer in LAYERS:
        table = weights[Role.CROSS, layer][0]
        groups = [table.mean(0), table[1], (table[0] + table[1]) / 2]
        layers.append(torch.stack([torch.stack([rows[1:], rows[:-1]]) for rows in groups]))
    return torch.stack(layers)


@pytest.mark.parametrize("num_models", [1, 2])
@pytest.mark.parametrize("budget", [1, 2000, word_aligner.WEIGHTS_PER_BATCH])
def test_tables_are_those_of_each_pair_alone(
    runs: Runs, num_models: int, budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_aligner, "WEIGHTS_PER_BATCH", budget)
    models, tokenizers = runs[0][:num_models], runs[1]
    aligner = WordAligner(models, tokenizers, layers=LAYERS, heads=HEADS, rows=ROWS)
    finished: list[int] = []
    tables = dict(aligner.tables(SOURCES, TARGETS, source_mean=False, progress=finished.append))
    assert sorted(tables) == list(range(len(SOURCES))) and sum(finished) == len(SOURCES)
    source, target = lines(tokenizers, SOURCES), lines(tokenizers, TARGETS)
    for row, table in tables.items():
        by_model = [expected_weights(model, source[row], target[row]) for model in models]
        mean = torch.stack(by_model).mean(0)
        expected = words_of(mean, source[row], target[row], source_mean=False)
        torch.testing.assert_close(table, expected, atol=1e-6, rtol=1e-5)
        assert table.shape[-2:] == (target[row].num_words, source[row].num_words)


def test_readings_are_by_row_and_then_by_measure(runs: Runs) -> None:
    models, tokenizers = runs
    every = WordAligner(models, tokenizers, layers=LAYERS, heads=HEADS, rows=ROWS, measures=Measure)
    tables = dict(every.tables(SOURCES, TARGETS))
    for place, (row, measure) in enumerate(itertools.product(ROWS, Measure)):
        one = WordAligner(
            models, tokenizers, layers=LAYERS, heads=HEADS, rows=[row], measures=[measure]
        )
        for number, table in one.tables(SOURCES, TARGETS):
            torch.testing.assert_close(tables[number][:, :, place], table[:, :, 0])


@pytest.mark.parametrize("budget", [1, word_aligner.WEIGHTS_PER_BATCH])
def test_norms_do_not_depend_on_the_batch(
    runs: Runs, budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    models, tokenizers = runs[0][:1], runs[1]
    monkeypatch.setattr(word_aligner, "WEIGHTS_PER_BATCH", budget)
    norms, weights = (
        dict(
            WordAligner.of(models, tokenizers, AlignmentConfig(heads=[1], measure=measure)).tables(
                SOURCES, TARGETS, source_mean=False
            )
        )
        for measure in (Measure.norm, Measure.weights)
    )
    source, target = lines(tokenizers, SOURCES), lines(tokenizers, TARGETS)
    for number, table in norms.items():
        encoded = models[0].encode(Tokens.source([source[number].units]))
        products = products_of_values(models[0], 1, encoded.states)[0]
        _, read = models[0].decoder_states(
            Tokens.target([target[number].units]), encoded, weights_of=frozenset({(Role.CROSS, 1)})
        )
        every = read[Role.CROSS, 1][0]
        expected = words_of(
            contribution_norms(every[[1]], products[:, [1]][:, :, [1]])[:-1],
            source[number],
            target[number],
            source_mean=False,
        )
        torch.testing.assert_close(table[0, 0, 0], expected, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(norms[0], weights[0], atol=1e-3)


def lines(tokenizers: Tokenizers, texts: Sequence[str]) -> list[EncodedLine]:
    split = word_aligner.words_of_characters
    return encode_lines(tokenizers.source, texts, LONGEST - 1, split=split)


@pytest.mark.parametrize("scored", [False, True])
def test_aligned_translations_encode_their_sources_once(runs: Runs, scored: bool) -> None:
    models, tokenizers = runs
    encoded: list[int] = []
    hook = models[0].encoder.register_forward_hook(lambda *_: encoded.append(1))
    config = DecodingConfig(beam_size=1, batch_size=100, batch_tokens=1_000_000)
    translator = Translator(models[:1], tokenizers, config, AlignmentConfig(enabled=True))
    lines = ["rain"] * 3
    results = list(translator.score(lines, lines) if scored else translator.translate(lines))
    hook.remove()
    assert len(encoded) == 1
    assert all(translation.alignment is not None for translation in results)


def test_layers_of_each_model_count_from_its_last(runs: Runs) -> None:
    models, tokenizers = runs
    configured = WordAligner.of(models[:1], tokenizers, AlignmentConfig(layer=-2, heads=[1]))
    plain = WordAligner(models[:1], tokenizers, layers=[0], heads=[[1]])
    expected = dict(plain.tables(SOURCES, TARGETS))
    for row, table in configured.tables(SOURCES, TARGETS):
        assert torch.equal(table, expected[row])


def test_words_are_those_of_the_split(runs: Runs) -> None:
    aligner = WordAligner(runs[0][:1], runs[1], layers=[0])
    ((_, table),) = aligner.tables(["rain, dog!"], ["birds."], split=tokens_of_characters)
    assert table.shape == (1, 1, 1, 2, 4)


def test_a_line_beyond_the_limit_is_cut_and_marked(runs: Runs) -> None:
    _, tokenizers = runs
    long, short = encode_lines(tokenizers.source, [" ".join(SOURCES), "rain"], 5, split=None)
    assert (len(long.units), long.cut, short.cut) == (5, True, False)
    assert long.num_words == short.num_words == 0


def test_source_mean_divides_by_the_subwords_of_a_word() -> None:
    source, target = EncodedLine([5, 6, 7], [0, 0, 1]), EncodedLine([8, 9], [0, 0])
    weights = torch.tensor([[0.2, 0.4, 0.3, 0.1], [0.2, 0.0, 0.8, 0.0]])
    summed = words_of(weights, source, target, source_mean=False)
    torch.testing.assert_close(summed, torch.tensor([[0.4, 0.55]]))
    mean = words_of(weights, source, target, source_mean=True)
    torch.testing.assert_close(mean, torch.tensor([[0.2, 0.55]]))
