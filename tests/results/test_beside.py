"""Commands beside one another in the same folder: each ends well, and files are of one version."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from seq2seq.bundle import files as bundle_files
from seq2seq.bundle.files import load_bundle
from seq2seq.config.schema import EvaluateConfig
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.decoding.config import DecodingConfig
from seq2seq.errors import DataError
from seq2seq.files import atomic_path, durable, read_of_one_version
from seq2seq.results import report
from seq2seq.results.report import report_run
from seq2seq.results.start_evaluate import start_evaluation
from tests.results.bundles import make_run, train_tokenizers
from tests.results.test_as_configured import tree


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> Tokenizers:
    return train_tokenizers(tmp_path_factory.mktemp("tokenizers"))


@pytest.fixture
def run(tmp_path: Path, tokenizers: Tokenizers) -> Path:
    return make_run(tmp_path / "run", tokenizers)


def evaluate(run: Path, longest: int) -> None:
    config = EvaluateConfig(run=str(run), decoding=DecodingConfig(max_length_offset=longest))
    start_evaluation(config, ["decoding.max_length_offset=1", "decoding.max_length_ratio=0"])


def evaluations(run: Path, options: Sequence[int], *, times: int) -> None:
    """Each in a process of its own, all at once and several times."""
    children = []
    for longest in options:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                for _ in range(times):
                    evaluate(run, longest)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    codes = [os.waitpid(child, 0)[1] for child in children]
    assert codes == [0] * len(options)


def test_evaluations_of_one_split_at_once_leave_one_of_them_whole(
    tmp_path: Path, run: Path
) -> None:
    expected = []
    for longest in (1, 5):
        alone = tmp_path / f"alone{longest}"
        shutil.copytree(run, alone)
        evaluate(alone, longest)
        expected.append(tree(alone / "evaluation"))
    assert expected[0] != expected[1]
    evaluations(run, (1, 5), times=2)
    assert tree(run / "evaluation") in expected, "nothing is mixed, and nothing is left over"


@pytest.mark.parametrize("swap", [True, False])
def test_a_folder_that_another_process_writes_first_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swap: bool
) -> None:
    target, real, met = tmp_path / "folder", os.replace, False

    def replace(source: Path, path: Path) -> None:
        nonlocal met
        if path == target and not met:
            met = True
            (target / "of another").mkdir(parents=True)
        real(source, path)

    monkeypatch.setattr(durable.os, "replace", replace)
    if not swap:
        monkeypatch.setattr(durable, "_exchange", lambda first, second: False)
    with atomic_path(target) as partial:
        partial.mkdir()
        (partial / "mine").write_text("")
    assert [path.name for path in target.iterdir()] == ["mine"]
    assert list(tmp_path.iterdir()) == [target]


def test_files_are_read_again_if_they_were_replaced_meanwhile(tmp_path: Path) -> None:
    marker, other = tmp_path / "marker", tmp_path / "other"
    marker.write_text("1")
    other.write_text("1")
    attempts = 0

    def read() -> tuple[str, str]:
        nonlocal attempts
        attempts += 1
        first = marker.read_text()
        if attempts <= 2:
            for path in (marker, other):
                with atomic_path(path) as partial:
                    partial.write_text(str(attempts + 1))
            if attempts == 2:
                raise ValueError("files of two versions")
        return first, other.read_text()

    assert read_of_one_version(marker, read) == ("3", "3")
    assert attempts == 3
    with pytest.raises(ValueError, match="^damaged$"):
        read_of_one_version(marker, lambda: fail("damaged"))


def fail(message: str) -> None:
    raise ValueError(message)


def test_a_bundle_is_loaded_while_it_is_replaced(
    tmp_path: Path, run: Path, tokenizers: Tokenizers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a run that is made longer, beside a translation."""
    newer = make_run(tmp_path / "newer", tokenizers, seed=2)
    real = bundle_files.checked_facts

    def replaced_after(path: Path) -> dict[str, Any]:
        facts = real(path)
        if newer.exists():
            with atomic_path(path) as partial:
                shutil.move(newer / "model", partial)
            shutil.rmtree(newer)
        return facts

    monkeypatch.setattr(bundle_files, "checked_facts", replaced_after)
    bundle = load_bundle(run)
    assert (bundle.facts["checkpoints"], bundle.config.seed) == (["2.ckpt"], 2)


def test_a_report_is_not_put_beside_another_evaluation(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate(run, 1)
    real = report.page_of

    def evaluated_meanwhile(*arguments: Any) -> Any:
        evaluate(run, 5)
        return real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(report, "page_of", evaluated_meanwhile)
        with pytest.raises(DataError, match="was evaluated again while its report was made"):
            report_run(run, "test", sentences=0)
    assert not (run / "evaluation" / "test" / "report.html").exists()
    assert report_run(run, "test", sentences=0).is_file()
