"""The script that adds the lines to be aligned to the training text of a run."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from seq2seq.data.sources.base import Pairs, RawCorpus
from tests.results.bundles import make_run, train_tokenizers

PATH = Path(__file__).parents[2] / "scripts" / "corpus_with_lines.py"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    specification = importlib.util.spec_from_file_location("corpus_with_lines", PATH)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    raw = RawCorpus(Pairs(["a"], ["b"]), Pairs(["c"], ["d"]), Pairs(["e"], ["f"]))
    monkeypatch.setattr(module, "load_raw", lambda config: raw)
    return module


def test_the_lines_are_repeated_at_the_end(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path / "run", train_tokenizers(tmp_path))
    (tmp_path / "gold.tsv").write_text("x , y\tz\t0-0\n", encoding="utf-8")
    out = tmp_path / "out"
    monkeypatch.setattr(
        "sys.argv", ["script", str(run), str(tmp_path / "gold.tsv"), str(out), "--times", "2"]
    )
    assert script.main() == 0
    assert (out / "train.source").read_text() == "a\nx , y\nx , y\n"
    assert (out / "train.target").read_text() == "b\nz\nz\n"
    assert (out / "validation.target").read_text() + (out / "test.source").read_text() == "d\ne\n"
    options = capsys.readouterr().out.split()
    assert options[:3] == ["data=files", "data.source_language=xx", "data.target_language=yy"]
    assert f"data.train.source={out}/train.source" in options and len(options) == 9


def test_a_missing_run_is_one_message(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "sys.argv", ["script", str(tmp_path / "gone"), "gold.tsv", str(tmp_path / "out")]
    )
    assert script.main() == 1
    assert capsys.readouterr().err.startswith("error: there is no folder")


def test_a_malformed_table_is_one_message(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path / "run", train_tokenizers(tmp_path))
    (tmp_path / "gold.tsv").write_text("no tab\n", encoding="utf-8")
    monkeypatch.setattr(
        "sys.argv", ["script", str(run), str(tmp_path / "gold.tsv"), str(tmp_path / "out")]
    )
    assert script.main() == 1
    assert "gold.tsv:1: must be source, target and links between tabs" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
