"""Sources of features through the commands: kill, resume, bundle, evaluation and report."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from seq2seq.alignment.export import AttentionFile
from seq2seq.alignment.links import read_pharaoh
from tests.integration.commands import ROOT, Run, environment
from tests.integration.test_resume import reports, wait_for, weights

SMALL = [
    *("data=tones", "data.num_train=200", "data.num_validation=10", "data.num_test=12"),
    *("data.batch.max_tokens=256", "model.d_model=16", "model.d_ff=16", "trainer.precision=32"),
    *("trainer.max_steps=12", "trainer.validate_every=6", "trainer.checkpoint_every=4"),
    *("trainer.report_every=2", "trainer.evaluate=false"),
]


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


@pytest.mark.slow
def test_killed_resumed_evaluated_and_reported(run: Run, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    options = [*SMALL, f"data.cache_dir={cache}"]
    whole, folder = tmp_path / "whole", tmp_path / "killed"
    done = run("train.py", *options, f"hydra.run.dir={whole}")
    assert done.returncode == 0, done.stderr
    command = [sys.executable, str(ROOT / "train.py"), *options, f"hydra.run.dir={folder}"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True
    )
    wait_for(folder / "checkpoints" / "step-00000004.ckpt", process)
    process.kill()
    process.communicate()
    done = run("train.py", f"resume={folder}")
    assert done.returncode == 0, done.stderr
    assert weights(folder) == weights(whole)
    assert reports(folder) == reports(whole)

    bundle = tmp_path / "elsewhere"
    shutil.copytree(folder / "model", bundle)
    shutil.rmtree(cache)
    shutil.rmtree(folder)
    done = run("evaluate.py", f"run={bundle}", "decoding.beam_size=2", "alignment.heatmaps=2")
    assert done.returncode == 0, done.stderr
    evaluation = bundle / "evaluation" / "test"
    names = lines(evaluation / "sources.txt")
    assert names == [f"test/{number:06d}.npy" for number in range(12)]
    frames_of = np.load(bundle / "text" / "test.source.lengths.npy").tolist()
    hypotheses, links = (
        lines(evaluation / "hypotheses.txt"),
        read_pharaoh(evaluation / "alignments.pharaoh"),
    )
    for frames, hypothesis, sentence in zip(frames_of, hypotheses, links, strict=True):
        assert all(i < frames and j < len(hypothesis.split()) for i, j in sentence)
    with AttentionFile(evaluation / "attention.npz") as attention:
        for number, frames in enumerate(frames_of):
            assert attention[number].source_subwords == [str(frame) for frame in range(frames)]
            assert attention[number].weights.shape[-1] == frames
    assert len(list((evaluation / "heatmaps").glob("*.png"))) == 2

    done = run("seq2seq/cli/main.py", "report", "--run", str(bundle))
    assert done.returncode == 0, done.stderr
    page = (evaluation / "report.html").read_text(encoding="utf-8")
    assert f"{names[0]} ({frames_of[0]} frames)" in page
    assert '"word":"frame"' in page


def test_features_of_the_user_are_evaluated(run: Run, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    folder = tmp_path / "run"
    done = run("train.py", *SMALL, f"data.cache_dir={cache}", f"hydra.run.dir={folder}")
    assert done.returncode == 0, done.stderr
    (features,) = (path for path in (cache / "tones").iterdir() if path.is_dir())
    own = ["split=mine", f"source={features}/validation.list"]
    own += [f"reference={features}/validation.symbols"]
    done = run("evaluate.py", f"run={folder}", *own, "decoding.beam_size=1")
    assert done.returncode == 0, done.stderr
    shutil.rmtree(cache)
    done = run("seq2seq/cli/main.py", "report", "--run", str(folder), "--split", "mine")
    assert done.returncode == 0, done.stderr
    assert "validation/000000.npy (" in (folder / "evaluation/mine/report.html").read_text()
    (tmp_path / "list").write_text("absent.npy\n")
    (tmp_path / "symbols").write_text("t1\n")
    missing = [f"source={tmp_path}/list", f"reference={tmp_path}/symbols", "split=missing"]
    done = run("evaluate.py", f"run={folder}", *missing)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"{tmp_path}/list:1: {tmp_path}/absent.npy: no such file" in done.stderr


@pytest.mark.slow
def test_tones_are_named_without_a_mistake(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    options = ["data=tones", f"data.cache_dir={tmp_path}/cache", f"hydra.run.dir={folder}"]
    done = run("train.py", *options, "trainer.accelerator=cpu", "trainer.evaluate=false")
    assert done.returncode == 0, done.stderr
    done = run("evaluate.py", f"run={folder}", "metrics=[exact_match]")
    assert done.returncode == 0, done.stderr
    evaluation = folder / "evaluation" / "test"
    pairs = zip(
        lines(evaluation / "hypotheses.txt"), lines(evaluation / "references.txt"), strict=True
    )
    exact = [hypothesis == reference for hypothesis, reference in pairs]
    assert len(exact) == 500 and sum(exact) >= 495
    assert json.loads((evaluation / "scores.json").read_text())["exact_match"]["score"] >= 99
