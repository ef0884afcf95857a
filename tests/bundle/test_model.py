"""The Python interface: results of all its methods agree, and options are checked."""

from pathlib import Path
from typing import Any

import pytest

import seq2seq
from seq2seq.bundle.model import Model
from seq2seq.decoding.config import DecodingMethod
from seq2seq.errors import ConfigError, DataError
from seq2seq.evaluation.markup import parse_markup
from seq2seq.evaluation.markup_projection import with_markup
from tests.results.bundles import make_run, sentences, train_tokenizers

LINES = [*sentences(6), "", *sentences(3, seed=5)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    return make_run(folder / "run", train_tokenizers(folder))


@pytest.fixture
def model(run: Path) -> Model:
    return seq2seq.load(run, device="cpu")


def test_all_methods_give_the_same_translations(model: Model) -> None:
    translations = model.translations(LINES)
    assert model.translate(LINES) == [translation.text for translation in translations]
    assert model.translate(LINES, scores=True) == translations
    assert list(model.stream(iter(LINES))) == translations
    model.decoding.batch_size = 1
    assert [translation.n_best for translation in model.stream(iter(LINES))] == [
        translation.n_best for translation in translations
    ]


@pytest.mark.parametrize("method", ["translate", "translations", "stream"])
def test_words_are_aligned_where_alignments_are_requested(model: Model, method: str) -> None:
    aligned = list(getattr(model, method)(LINES, alignments=True))
    assert [translation.text for translation in aligned] == model.translate(LINES)
    assert all(translation.alignment is not None for translation in aligned)
    assert all(translation.alignment is None for translation in model.translations(LINES))


def test_markup_follows_the_links(model: Model) -> None:
    """As the command does: its tests compare it with the same parts."""
    lines = ["<b>the dog</b> in <i>a field</i>", *LINES, "rain &amp; <a href='x'>birds</a>", "&lt;"]
    marked = [parse_markup(line) for line in lines]
    model.alignment.layer = 0
    found = model.translations([line.text for line in marked], alignments=True)
    expected = [
        with_markup(line, x.text, x.alignment.links)
        for line, x in zip(marked, found, strict=True)
        if x.alignment is not None
    ]
    assert model.translate_markup(iter(lines)) == expected
    assert expected[1:-2] == model.translate(LINES)
    assert "<b>" in expected[0]
    with pytest.raises(DataError, match=r"lines: line 2: <b> never closes; close it"):
        model.translate_markup(["rain", "<b>the dog", "birds"])
    with pytest.raises(DataError, match=r"lines: must be a list of sentences, not one string"):
        model.translate_markup("<b>rain</b>")


def test_a_sample_depends_on_the_number_of_its_line(model: Model) -> None:
    model.decoding.method = DecodingMethod.sampling
    model.decoding.beam_size = 2
    lines = ["rain"] * 40
    sampled = model.translate(lines)
    assert len(set(sampled)) > 1
    model.decoding.batch_size = 1
    assert [translation.text for translation in model.stream(lines)] == sampled


def test_a_line_is_translated_before_the_next_is_read(model: Model) -> None:
    model.decoding.batch_size = 1
    lines = iter(LINES)
    assert next(model.stream(lines)).source == LINES[0]
    assert next(lines) == LINES[1]


def test_values_take_the_type_of_their_option(model: Model) -> None:
    model.decoding.method = "sampling"  # type: ignore[assignment]
    model.decoding.top_k = "1"  # type: ignore[assignment]
    sampled = model.translate(LINES)
    model.decoding.method, model.decoding.top_k = DecodingMethod.sampling, 1
    assert model.translate(LINES) == sampled


@pytest.mark.parametrize(
    ("section", "option", "value", "message"),
    [
        ("decoding", "beam_size", 0, r"decoding\.beam_size: must be at least 1"),
        ("decoding", "beam_size", "many", r"decoding\.beam_size: .*many"),
        ("decoding", "method", "best", r"decoding\.method: .*best"),
        ("decoding", "beamsize", 3, r"decoding\.beamsize: is no option; did you mean beam_size"),
        ("alignment", "heads", [7], r"alignment\.heads"),
        ("alignment", "layers", 1, r"alignment\.layers: is no option; did you mean layer"),
    ],
)
def test_wrong_options_are_refused_with_their_path(
    model: Model, section: str, option: str, value: Any, message: str
) -> None:
    setattr(getattr(model, section), option, value)
    for use in (
        lambda: model.translate(LINES, alignments=True),
        lambda: model.stream(LINES, alignments=True),
        lambda: model.score(LINES, LINES, alignments=True),
    ):
        with pytest.raises(ConfigError, match=message):
            use()


def test_each_change_of_options_is_checked(model: Model) -> None:
    """Also one to an equal value of another type, and back; what is handed out is a copy."""
    for value, kept in ((2, True), ("two", False), (2, True), (2.5, False), (3, True)):
        model.decoding.beam_size = value  # type: ignore[assignment]
        if kept:
            translator = model.translator(False)
            assert translator.config.beam_size == value
            translator.config.beam_size = 1
        else:
            with pytest.raises(ConfigError, match="beam_size"):
                model.translator(False)


def test_options_of_alignment_are_not_read_without_alignments(model: Model) -> None:
    model.alignment.heads = [7]
    assert model.translate(LINES)


def test_sides_of_different_length_are_refused(model: Model) -> None:
    with pytest.raises(DataError, match="prefixes: must have one line for each of the 10"):
        model.translate(LINES, prefixes=["a"])
    with pytest.raises(DataError, match="targets: must have one line for each of the 10"):
        model.score(LINES, LINES[1:])


@pytest.mark.parametrize("method", ["translate", "score"])
def test_one_string_is_no_list_of_sentences(model: Model, method: str) -> None:
    arguments = ["rain"] if method == "translate" else ["rain", ["rain"]]
    with pytest.raises(DataError, match=r"must be a list of sentences.*write \[sentence\]"):
        getattr(model, method)(*arguments)


@pytest.mark.parametrize("device", ["nonsense", "meta"])
def test_a_device_that_cannot_be_used_is_refused(run: Path, device: str) -> None:
    with pytest.raises(ConfigError, match="device: .*choose cpu, or auto"):
        seq2seq.load(run, device=device)


def test_an_ensemble_has_one_vocabulary(run: Path, tmp_path: Path) -> None:
    second = make_run(tmp_path / "second", train_tokenizers(tmp_path, seed=2))
    with pytest.raises(ConfigError, match="must have one vocabulary.*source and target side"):
        seq2seq.load(run, second)
