"""Bundles and checkpoints of version 0.1.0 translate and resume as they did in that version.

The files in `tests/fixtures/v0.1.0` were written by that version and are never made again. A later
version that renames parameters, configuration keys, callbacks or other entries of a checkpoint must
map the old names to the new ones where it loads them.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import seq2seq
from tests.integration.commands import ROOT, environment

FIXTURES = ROOT / "tests" / "fixtures" / "v0.1.0"
EXPECTED: dict[str, Any] = json.loads((FIXTURES / "expected.json").read_text(encoding="utf-8"))
STEP = 20  # of the checkpoint
LAST_STEP = 30
TOLERANCE = 1e-4  # other processors round differently


@pytest.mark.parametrize(("name", "beam_size", "n_best"), [("greedy", 1, 1), ("beam", 4, 2)])
def test_a_bundle_translates_and_aligns_as_it_did(name: str, beam_size: int, n_best: int) -> None:
    model = seq2seq.load(FIXTURES / "bundle", device="cpu")
    model.decoding.beam_size, model.decoding.n_best = beam_size, n_best
    translations = model.translate(EXPECTED["lines"], scores=True, alignments=True)
    assert len(translations) == len(EXPECTED[name])
    for translation, expected in zip(translations, EXPECTED[name], strict=True):
        texts, scores = zip(*expected["n_best"], strict=True)
        assert [candidate.text for candidate in translation.n_best] == list(texts)
        assert [candidate.score for candidate in translation.n_best] == pytest.approx(
            scores, rel=TOLERANCE
        )
        assert translation.alignment is not None
        assert sorted(map(list, translation.alignment.links)) == expected["links"]


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run of version 0.1.0, resumed by this version to its last step."""
    folder = tmp_path_factory.mktemp("v0.1.0")
    for name in ("run", "cache"):
        shutil.copytree(FIXTURES / name, folder / name)
    command = [sys.executable, "train.py", f"resume={folder / 'run'}"]
    process = subprocess.run(
        [*command, f"data.cache_dir={folder / 'cache'}"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    assert f"step-{STEP:08d}.ckpt" in process.stderr, "it starts from the checkpoint"
    return folder / "run"


def reports(run: Path) -> list[dict[str, float]]:
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_a_checkpoint_resumes_with_the_losses_of_the_run_that_did_not_stop(resumed: Path) -> None:
    after = [report for report in reports(resumed) if report["step"] > STEP]
    assert len(after) == len(EXPECTED["reports"])
    for report, expected in zip(after, EXPECTED["reports"], strict=True):
        assert {name: report[name] for name in expected} == pytest.approx(expected, rel=TOLERANCE)


def test_the_reports_before_the_checkpoint_stay(resumed: Path) -> None:
    lines = (FIXTURES / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    before = [report for report in map(json.loads, lines) if report["step"] <= STEP]
    assert reports(resumed)[: len(before)] == before


def test_the_best_validation_before_the_checkpoint_is_remembered(resumed: Path) -> None:
    """BLEU falls until the last step, so that is the best only to a run that lost its state."""
    index = json.loads((resumed / "checkpoints" / "last.json").read_text(encoding="utf-8"))
    assert index["best"] == f"step-{STEP:08d}.ckpt"
    assert index["last"] == f"step-{LAST_STEP:08d}.ckpt"


def test_the_resumed_run_ends_with_a_bundle(resumed: Path) -> None:
    assert json.loads((resumed / "status.json").read_text(encoding="utf-8"))["state"] == "finished"
    model = seq2seq.load(resumed, device="cpu")
    assert len(model.translate(["s1 s2 s3"])) == 1
