"""What Python hands over is checked as files and command lines are: line, option, remedy."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seq2seq
from seq2seq.bundle.model import Model
from seq2seq.errors import ConfigError, DataError, UserError
from tests.results.bundles import make_run, train_tokenizers


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    return make_run(folder / "run", train_tokenizers(folder))


@pytest.fixture(scope="module")
def loaded(run: Path) -> Model:
    return seq2seq.load(run, device="cpu")


@pytest.fixture
def model(run: Path) -> Model:
    return seq2seq.load(run, device="cpu")


def use(model: Model, method: str, lines: Any) -> object:
    if method == "prefixes":
        return model.translate(["dog", "dog"], prefixes=lines)
    if method == "sources":
        return list(model.score(lines, ["dog", "dog"]))
    if method == "targets":
        return list(model.score(["dog", "dog"], lines))
    return list(getattr(model, method)(lines))


METHODS = ("translate", "translations", "stream", "sources", "targets", "prefixes")
NO_LINES: list[tuple[Any, str]] = [
    (None, "must be a string, not NoneType"),
    (5, "must be a string, not int"),
    (float("nan"), "must be a string, not float .nan."),
    (b"dog", "must be a string, not bytes .*decode it"),
    (["dog"], "must be a string, not list"),
    ("dog\n", "has a line break"),
    ("a\ndog", "has a line break"),
    ("do\ud800g", "has half a surrogate pair at character 3"),
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("line", "message"), NO_LINES)
def test_a_line_that_is_no_sentence_is_named(
    loaded: Model, method: str, line: Any, message: str
) -> None:
    with pytest.raises(DataError, match=f": line 2 {message}"):
        use(loaded, method, ["dog", line])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("lines", ["dog", b"dog", None, 5, float("nan")])
def test_what_is_no_list_is_refused(loaded: Model, method: str, lines: Any) -> None:
    if method == "prefixes" and lines is None:
        assert use(loaded, method, lines)
        return
    with pytest.raises(DataError, match=r"must be a list of sentences.*write \[sentence\]"):
        use(loaded, method, lines)


@pytest.mark.parametrize("method", METHODS)
def test_any_iterable_of_strings_is_a_list(loaded: Model, method: str) -> None:
    expected = use(loaded, method, ["dog", "the"])
    for lines in (("dog", "the"), iter(["dog", "the"]), np.array(["dog", "the"])):
        assert use(loaded, method, lines) == expected


@pytest.mark.parametrize(
    ("sentence", "prefix", "message"),
    [
        ("dog", "the ж", "line 2 must be in the vocabulary, but 'ж' is not"),
        ("dog", "e\u0301", "must be in the vocabulary, but '\u0301' is not"),
        ("", "the", "line 2 must be empty, as its sentence is"),
    ],
)
def test_a_prefix_that_would_be_lost_is_refused(
    loaded: Model, sentence: str, prefix: str, message: str
) -> None:
    with pytest.raises(DataError, match=f"prefixes: .*{message}"):
        loaded.translate(["dog", sentence], prefixes=["", prefix])
    (kept,) = loaded.translate(["dog"], prefixes=["é"])
    assert kept.startswith("é")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("decoding.beam_size", None, "Incompatible value 'None'"),
        ("decoding.beam_size", float("nan"), "could not be converted"),
        ("decoding.beam_size", 10**30, "at most 1000"),
        ("decoding.beam_size", "???", r"must be a value, not '\?\?\?'"),
        ("decoding.beam_size", "${oc.env:HOME}", r"must be a value, not '\$"),
        ("decoding.beam_size", object(), "not a supported"),
        ("decoding.alpha", float("inf"), "must be at least 0 and at most 5, not inf"),
        ("decoding.temperature", 0.5, "is set but not read; choose method=sampling"),
        ("decoding.seed", 5, "is set but not read; choose method=sampling"),
        ("decoding.n_best", 3, "must be at most beam_size=2"),
        ("decoding.allow_unknown", "maybe", "not a valid bool"),
        ("alignment.threshold", 0.5, "is set but not read; choose method=threshold"),
        ("alignment.layer", 7, "the decoder has 2 layers"),
        ("alignment.heads", [None], "NoneType"),
        ("alignment.method", "x", "expected one of"),
        ("decoding", None, "must be a DecodingConfig, not NoneType"),
        ("alignment", {}, "must be a AlignmentConfig, not dict"),
    ],
)
def test_options_are_checked_as_those_of_the_command_line(
    model: Model, path: str, value: Any, message: str
) -> None:
    section, _, option = path.partition(".")
    setattr(getattr(model, section) if option else model, option or section, value)
    with pytest.raises(ConfigError, match=rf"^{path.replace('.', '[.]')}.*{message}"):
        model.translate(["dog"], alignments=True)


@pytest.mark.parametrize(
    "arguments",
    [
        {"folder": None},
        {"folder": 5},
        {"folder": b"run"},
        {"folder": "absent"},
        {"device": None},
        {"device": 99},
        {"imports": "module.py"},
        {"imports": None},
        {"imports": [None]},
    ],
    ids=str,
)
def test_arguments_of_load_are_checked(run: Path, arguments: dict[str, Any]) -> None:
    folder = arguments.pop("folder", run)
    with pytest.raises(UserError):
        seq2seq.load(folder, **arguments)


def test_a_stream_ends_at_the_line_that_is_no_sentence(model: Model) -> None:
    model.decoding.batch_size = 1
    translations = model.stream(["dog", "rain", None])  # type: ignore[list-item]
    assert [next(translations).source, next(translations).source] == ["dog", "rain"]
    with pytest.raises(DataError, match="line 3"):
        next(translations)
