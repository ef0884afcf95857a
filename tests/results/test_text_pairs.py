"""Text that an evaluation is given is read as all text is."""

import io
import sys
from pathlib import Path

import pytest

from seq2seq.config.schema import EvaluateConfig
from seq2seq.results.evaluate import text_pairs
from tests.packing import packed
from tests.results.bundles import make_run, train_tokenizers


def test_packed_and_typed_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "run", train_tokenizers(tmp_path))
    (tmp_path / "a.BZ2").write_bytes(packed(b"\xef\xbb\xbfthe dog\na field\n", ".bz2"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(packed(b"x\ny\n", ".xz"))))
    config = EvaluateConfig(source=str(tmp_path / "a.BZ2"), reference="-")
    assert list(config.problems()) == []
    pairs = text_pairs(config, run)
    assert pairs is not None
    assert (pairs.source, pairs.target) == (["the dog", "a field"], ["x", "y"])


def test_standard_input_is_read_once(tmp_path: Path) -> None:
    (problem,) = EvaluateConfig(source="-", reference="-").problems()
    assert problem.startswith("source, reference: standard input can be read once only")
    problems = EvaluateConfig(source=str(tmp_path), reference=str(tmp_path / "absent")).problems()
    assert [problem.split(":")[0] for problem in problems] == ["source", "reference"]
