"""What an evaluation writes about its scores, and that the command in it gives the same numbers."""

import json
import logging
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.config.schema import EvaluateConfig
from seq2seq.data.sources.base import Pairs
from seq2seq.decoding.config import DecodingConfig
from seq2seq.errors import ConfigError
from seq2seq.evaluation.translate import Translator
from seq2seq.evaluation.translation import Translation
from seq2seq.metrics.protocol import ScoringProtocol
from seq2seq.results.report import report_run
from seq2seq.results.start_evaluate import start_evaluation
from tests.results.bundles import make_run, sentences, train_tokenizers

REFERENCES = [f"The {sentence}, \u201cit\u2019s\u201d done." for sentence in sentences(12, seed=8)]
TEXT = Pairs(sentences(12, seed=7), REFERENCES)


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    package = logging.getLogger("seq2seq")
    before = package.handlers[:], package.level, package.propagate
    yield
    package.handlers[:], package.level, package.propagate = before


def config(run: Path, protocol: ScoringProtocol) -> EvaluateConfig:
    return EvaluateConfig(run=str(run), protocol=protocol)


def reproduced(command: str, folder: Path) -> list[dict[str, Any]]:
    """What sacrebleu prints."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("SACREBLEU")
    }
    arguments = [sys.executable, "-m", *shlex.split(command)]
    done = subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    printed: list[dict[str, Any]] = json.loads(done.stdout)
    return printed


@pytest.mark.parametrize("protocol", ScoringProtocol)
def test_scores_have_intervals_and_the_command_that_gives_them(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    protocol: ScoringProtocol,
) -> None:
    hypotheses = [*REFERENCES[:8], *sentences(4, seed=9)]
    real = Translator.translate

    def translate(*arguments: Any, **options: Any) -> Iterator[Translation]:
        """A model without training has no translation that could be scored."""
        for translation, text in zip(real(*arguments, **options), hypotheses, strict=True):
            best = replace(translation.n_best[0], text=text)
            yield replace(translation, n_best=(best,))

    monkeypatch.setattr(Translator, "translate", translate)
    tokenizers = train_tokenizers(tmp_path)
    run = make_run(
        tmp_path / "run",
        tokenizers,
        target_language="de",
        held_out=TEXT,
        decoding=DecodingConfig(beam_size=1),
        alignment=AlignmentConfig(enabled=False),
    )
    start_evaluation(config(run, protocol))
    shown = capsys.readouterr().err
    folder = run / "evaluation" / "test"
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    assert scores["protocol"] == protocol.value
    confidence = scores["confidence"]
    assert (confidence["level"], confidence["resamples"], confidence["seed"]) == (0.95, 1000, 12345)
    entries = zip(
        reproduced(scores["reproduce"], folder),
        reproduced(confidence["reproduce"], folder),
        strict=True,
    )
    for name, (entry, resampled) in zip(("bleu", "chrf", "ter"), entries, strict=True):
        low, high = scores[name]["confidence"]
        assert low < scores[name]["score"] < high
        assert entry["score"] == pytest.approx(scores[name]["score"], abs=1e-4)
        assert entry["signature"] == scores[name]["signature"]
        assert resampled["confidence_mean"] == pytest.approx((low + high) / 2, abs=1e-3)
        assert resampled["confidence_var"] == pytest.approx((high - low) / 2, abs=1e-3)
        assert (
            f"{scores[name]['score']:.2f}  (95 %: {low:.2f} to {high:.2f})  "
            f"{scores[name]['signature']}" in shown
        )
    tokenized = protocol is ScoringProtocol.lowercased_tokenized
    assert (folder / "hypotheses.tok").exists() is (folder / "references.tok").exists() is tokenized
    assert (folder / "hypotheses.txt").read_text(encoding="utf-8").splitlines() == hypotheses
    if tokenized:
        line = (folder / "references.tok").read_text(encoding="utf-8").splitlines()[0]
        assert line == line.lower()
        assert line.endswith("&quot; it &apos;s &quot; done .") or line.endswith(
            "&quot; it &apos; s &quot; done ."
        )


def test_a_language_that_a_protocol_has_no_rules_for_is_refused_before_translating(
    tmp_path: Path,
) -> None:
    run = make_run(
        tmp_path / "run", train_tokenizers(tmp_path), target_language="zh", held_out=TEXT
    )
    with pytest.raises(
        ConfigError, match="protocol: lowercased_tokenized has no rules for target language 'zh'"
    ):
        start_evaluation(config(run, ScoringProtocol.lowercased_tokenized))
    assert not (run / "evaluation").exists()


CHINESE = [f"\u6211\u559c\u6b22{fruit}\u3002" for fruit in "\u68a8\u6843\u674f\u679c" * 3]


def test_scoring_is_chosen_at_evaluation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = Pairs(sentences(12, seed=7), CHINESE)
    run = make_run(tmp_path / "run", train_tokenizers(tmp_path), held_out=text)
    signatures, cautions = {}, {}
    chosen: dict[str, dict[str, Any]] = {
        "as trained": {},
        "language": {"target_language": "zh"},
        "tokenizer": {"bleu_tokenizer": "char"},
    }
    for name, changes in chosen.items():
        start_evaluation(EvaluateConfig(run=str(run), **changes))
        scores = json.loads((run / "evaluation" / "test" / "scores.json").read_text())
        signatures[name] = [scores[metric]["signature"] for metric in ("bleu", "ter")]
        shown = capsys.readouterr().err
        cautions[name] = [line for line in shown.splitlines() if "note: " in line]
        assert ("for target language zh, BLEU uses the tokenizer zh" in shown) is (
            name == "language"
        )
    tokenizers = {
        name: bleu.split("|tok:")[1].split("|")[0] for name, (bleu, _) in signatures.items()
    }
    assert tokenizers == {"as trained": "13a", "language": "zh", "tokenizer": "char"}
    assert [("asian:yes" in ter) for _, ter in signatures.values()] == [False, True, False]
    assert [len(lines) for lines in cautions.values()] == [2, 0, 1]
    assert "does not split Chinese writing into words" in cautions["as trained"][0]
    assert report_run(run, "test", sentences=0).is_file()
    for changes, message in (
        ({"bleu_tokenizer": "13"}, "did you mean 13a"),
        ({"bleu_tokenizer": "zh", "metrics": ["chrf"]}, "set but not read; add bleu"),
        (
            {"bleu_tokenizer": "zh", "protocol": ScoringProtocol.lowercased_tokenized},
            "choose protocol",
        ),
    ):
        with pytest.raises(ConfigError, match=f"bleu_tokenizer: .*{message}"):
            start_evaluation(EvaluateConfig(run=str(run), **changes))
