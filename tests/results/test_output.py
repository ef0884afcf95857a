"""Where evaluations, reports and comparisons are written, and that nothing else is replaced."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from seq2seq.config.schema import EvaluateConfig
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.errors import UserError
from seq2seq.evaluation.translate import Translator
from seq2seq.metrics import significance
from seq2seq.metrics.significance import SignificanceTest
from seq2seq.results.report import report_run
from seq2seq.results.start_evaluate import start_evaluation
from tests.results.bundles import make_run, train_tokenizers
from tests.results.test_as_configured import tree


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> Tokenizers:
    return train_tokenizers(tmp_path_factory.mktemp("tokenizers"))


@pytest.fixture
def run(tmp_path: Path, tokenizers: Tokenizers) -> Path:
    return make_run(tmp_path / "runs" / "one", tokenizers)


@contextmanager
def unwritable(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[None]:
    """Nothing can be made below a folder, whoever runs the test."""
    real = Path.mkdir

    def mkdir(path: Path, *arguments: Any, **options: Any) -> None:
        if not path.is_dir() and path.resolve().is_relative_to(folder):
            raise PermissionError(13, "Permission denied", str(path))
        real(path, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "mkdir", mkdir)
        yield


def test_results_go_to_the_output(
    tmp_path: Path, run: Path, tokenizers: Tokenizers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(significance, "SAMPLES", dict.fromkeys(SignificanceTest, 100))
    other = make_run(tmp_path / "further" / "one", tokenizers, seed=2)
    out = tmp_path / "out"
    before = tree(run), tree(other)
    with unwritable(monkeypatch, run), unwritable(monkeypatch, other):
        start_evaluation(EvaluateConfig(run=str(run), output=str(out)))
        page = report_run(run, "test", output=out, sentences=1)
        pair = [str(run), str(other)]
        start_evaluation(EvaluateConfig(compare=pair, output=str(tmp_path / "pair")))
        written = tree(tmp_path / "pair")
        start_evaluation(EvaluateConfig(compare=pair, output=str(tmp_path / "pair")))
    assert (tree(run), tree(other)) == before
    assert page == out / "test" / "report.html"
    assert json.loads((out / "test" / "scores.json").read_text())["checkpoints"] == ["1.ckpt"]
    assert tree(tmp_path / "pair") == written
    for name, checkpoint in (("one", "1.ckpt"), ("one-2", "2.ckpt")):
        scores = json.loads((tmp_path / "pair" / name / "test" / "scores.json").read_text())
        assert scores["checkpoints"] == [checkpoint]


def test_a_report_of_a_run_that_cannot_be_written_to(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_evaluation(EvaluateConfig(run=str(run)))
    with unwritable(monkeypatch, run):
        with pytest.raises(UserError, match=r"cannot be written .*output=DIR"):
            report_run(run, "test", sentences=0)
        page = report_run(run, "test", sentences=0, output=tmp_path / "out")
    assert page == tmp_path / "out" / "test" / "report.html"


def refuse_to_translate(*arguments: Any, **options: Any) -> None:
    raise AssertionError("nothing may be translated before")


@pytest.mark.parametrize("obstacle", ["rights", "room", "text", "scores gone", "further file"])
def test_obstacles_are_named_before_anything_is_translated(
    run: Path, monkeypatch: pytest.MonkeyPatch, obstacle: str
) -> None:
    place = run / "evaluation" / "test"
    if obstacle == "room":
        usage = shutil.disk_usage(run)._replace(free=5000)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    elif obstacle != "rights":
        place.mkdir(parents=True)
        (place / "hypotheses.txt").write_text("mine\n")
        (place / "scores.json").write_text("{}")
        if obstacle == "scores gone":
            (place / "scores.json").unlink()
        if obstacle == "further file":
            (place / "notes.txt").write_text("of mine")
        if obstacle == "text":
            shutil.rmtree(place)
            place.write_text("mine")
    before = tree(run)
    monkeypatch.setattr(Translator, "translate", refuse_to_translate)
    message = {
        "rights": "cannot be written .Permission denied.",
        "room": "0.[01] MB are needed, and 0.0 MB are free there",
        "further file": "holds notes.txt, which no evaluation wrote",
    }.get(obstacle, "no evaluation wrote")
    closed = run if obstacle == "rights" else run / "none"
    with unwritable(monkeypatch, closed), pytest.raises(UserError, match=message):
        start_evaluation(EvaluateConfig(run=str(run)))
    assert tree(run) == before


@pytest.mark.parametrize("linked", ["split", "dangling split", "evaluation", "run"])
def test_links_are_followed(tmp_path: Path, run: Path, linked: str) -> None:
    elsewhere = tmp_path / "large disk"
    link = run / "evaluation" / "test"
    if linked == "evaluation":
        link, elsewhere_test = run / "evaluation", elsewhere / "test"
        elsewhere.mkdir()
    elif linked == "run":
        link = tmp_path / "link"
        elsewhere = run
        elsewhere_test = run / "evaluation" / "test"
    else:
        elsewhere_test = elsewhere
        link.parent.mkdir()
        if linked == "split":
            elsewhere.mkdir()
    link.symlink_to(elsewhere)
    for _ in range(2):
        start_evaluation(EvaluateConfig(run=str(link if linked == "run" else run)))
        assert link.is_symlink() and link.resolve() == elsewhere
        assert (elsewhere_test / "scores.json").is_file()


@pytest.mark.parametrize("split", ["../test", "", "..", ".test", "a=b", "a\nb", "x" * 300])
def test_a_split_is_the_name_of_a_folder(run: Path, split: str) -> None:
    before = tree(run)
    with pytest.raises(UserError, match="split: must"):
        start_evaluation(EvaluateConfig(run=str(run), split=split))
    with pytest.raises(UserError, match="split: must"):
        report_run(run, split)
    assert tree(run) == before
