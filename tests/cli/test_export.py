"""`seq2seq export ctranslate2`, and every way to translate with decoding.engine=ctranslate2."""

from pathlib import Path

import pytest

import seq2seq
from seq2seq.attention.catalogue import LinearConfig
from seq2seq.bundle.files import load_bundle, weights_hash
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.decoding.config import Engine
from seq2seq.engine.convert import FACTS
from seq2seq.errors import ConfigError
from seq2seq.files import unsealed
from tests.cli.conftest import Command
from tests.results.bundles import make_run, sentences

ctranslate2 = pytest.importorskip("ctranslate2", reason="CTranslate2 is not installed")

LINES = [*sentences(8), ""]
GREEDY = {"beam_size": 1, "max_decoding_length": 15, "min_decoding_length": 0}


def everything_below(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_an_export_is_used_without_this_package(
    command: Command, run: Path, tokenizers: Tokenizers, tmp_path: Path
) -> None:
    before = everything_below(run)
    output = tmp_path / "exported"
    arguments = ("export", "ctranslate2", run, "--output", output)
    ended = command(*arguments, "--quantization", "int8")
    assert (ended.code, ended.out) == (0, f"{output}\n")
    ended = command(*arguments, "--layer", "0", "--heads", "1")
    assert ended.code == 0, ended.err
    assert everything_below(run) == before
    facts = unsealed((output / FACTS).read_bytes())
    assert facts["quantization"] == "float32"
    assert (facts["alignment_layer"], facts["alignment_heads"]) == (0, [1])
    assert facts["weights_sha256"] == weights_hash(load_bundle(run).path)
    assert (output / "tokenizer" / "joint.model").read_bytes() == tokenizers.target.model

    translator = ctranslate2.Translator(str(output))
    units = tokenizers.source.encode_batch(LINES[:3])
    results = translator.translate_batch([tokenizers.target.subwords(x) for x in units], **GREEDY)
    model = seq2seq.load(run, device="cpu")
    model.decoding.beam_size, model.decoding.max_length_ratio = 1, 0.0
    model.decoding.max_length_offset, model.decoding.allow_unknown = 14, True
    for result, translation in zip(results, model.translations(LINES[:3]), strict=True):
        expected = tokenizers.target.subwords(translation.tokens)
        assert result.hypotheses[0][: len(expected)] == expected


def test_what_no_export_wrote_is_not_replaced(command: Command, run: Path, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_text("mine")
    ended = command("export", "ctranslate2", run, "--output", tmp_path)
    assert ended.code == 1
    assert "was not written by this command" in ended.err
    assert (tmp_path / "model.bin").read_text() == "mine"
    ended = command("export", "ctranslate2", run, "--output", run / "model" / "exported")
    assert ended.code == 2
    assert "output: must lie outside of the bundle" in ended.err


def test_a_model_that_cannot_be_expressed_is_refused_by_name(
    command: Command, tokenizers: Tokenizers, tmp_path: Path
) -> None:
    linear = make_run(tmp_path / "linear", tokenizers, cross=LinearConfig())
    for arguments in (
        ("export", "ctranslate2", linear),
        ("translate", "--run", linear, "--engine", "ctranslate2"),
    ):
        ended = command(*arguments)
        assert ended.code == 2
        assert "model.decoder.cross_attention: must be one of full, mqa, gqa, flash" in ended.err
    assert not (linear / "ctranslate2").exists()


def test_every_way_to_translate_takes_the_engine(command: Command, run: Path) -> None:
    given = "".join(f"{line}\n" for line in LINES).encode()
    own = command("translate", "--run", run, stdin=given)
    for arguments in (("--engine", "ctranslate2"), ("decoding.engine=ctranslate2",)):
        ended = command("translate", "--run", run, *arguments, stdin=given)
        assert (ended.code, len(ended.out.splitlines())) == (0, len(own.out.splitlines()))
    model = seq2seq.load(run, device="cpu")
    model.decoding.engine = Engine.ctranslate2
    first, second = model.translate(LINES), model.translate(LINES)
    assert first == second == ended.out.splitlines()
    with pytest.raises(ConfigError, match="prefixes: must not be given"):
        model.translate(LINES[:1], prefixes=["dog"])


def test_scoring_needs_no_engine(run: Path) -> None:
    """An ensemble can be scored whose first run was configured with the engine."""
    model = seq2seq.load(run, run, device="cpu")
    expected = list(model.score(LINES[:2], LINES[2:4]))
    model.decoding.engine = Engine.ctranslate2
    assert list(model.score(LINES[:2], LINES[2:4])) == expected
    with pytest.raises(ConfigError, match="decoding.engine: must be torch for an ensemble"):
        model.translate(LINES)


def test_a_missing_package_is_named(
    command: Command, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ctranslate2", None)
    ended = command("translate", "--run", run, "--engine", "ctranslate2", stdin=b"dog\n")
    assert ended.code == 1
    assert "CTranslate2 is not installed; pip install ctranslate2" in ended.err
