"""A run that is killed and resumed ends as if it had never stopped, bit for bit."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.commands import ROOT, TINY, Run, environment
from tests.marks import slow_but

KILLS = {
    "before the first checkpoint": 0,
    "after the first": 10,
    "while validating": 20,
    "after the last checkpoint": 40,
}


def weights(folder: Path) -> bytes:
    return (folder / "model" / "model.safetensors").read_bytes()


def reports(folder: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [
        {name: value for name, value in line.items() if "per_second" not in name} for line in lines
    ]


def start(folder: Path, cache: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "train.py"), *TINY, *options]
    command += [f"hydra.run.dir={folder}", f"data.cache_dir={cache}"]
    return subprocess.Popen(command, cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True)


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not path.exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.slow  # the next test kills a run with more options, at a validation, too
@pytest.mark.parametrize("kill", KILLS)
def test_killed_and_resumed_equals_not_stopped(
    run: Run, finished_run: Path, tmp_path: Path, kill: str
) -> None:
    folder = tmp_path / "run"
    process = start(folder, tmp_path / "cache")
    step = KILLS[kill]
    wait_for(
        folder / "checkpoints" / f"step-{step:08d}.ckpt" if step else folder / "tensorboard",
        process,
    )
    process.kill()
    process.communicate()
    done = run("train.py", f"resume={folder}")
    assert done.returncode == 0, done.stderr
    assert weights(folder) == weights(finished_run)
    assert reports(folder) == reports(finished_run)


EXTENSION = """
from dataclasses import dataclass

from seq2seq.training.auxiliary import AUXILIARY_LOSSES, AuxiliaryLoss, AuxiliaryLossConfig


class MeanSquare(AuxiliaryLoss):
    name = "mean_square"

    def __init__(self, weight):
        self.weight = weight

    def __call__(self, batch, states, weights):
        valid = states[batch.target.padding.valid()]
        return valid.square().mean(-1).sum(), batch.target_tokens


@AUXILIARY_LOSSES.register
@dataclass
class MeanSquareConfig(AuxiliaryLossConfig):
    name: str = "mean_square"

    def build(self, model):
        return MeanSquare(self.weight)
"""


def test_everything_that_can_go_on_in_a_step_is_resumed_exactly(run: Run, tmp_path: Path) -> None:
    """Accumulation, augmentation, batch transforms, three auxiliary losses, the end of an epoch."""
    module = tmp_path / "mean_square.py"
    module.write_text(EXTENSION, encoding="utf-8")
    options = [
        "trainer.accumulate=3",
        "trainer.checkpoint_every=1",
        "trainer.max_steps=15",
        "trainer.validate_every=5",
        "alignment_supervision=links",
        "data.augmentation.concatenate=3",
        "data.augmentation.shuffle_targets=true",
        "batch_transforms=[word_dropout]",
        f"imports=[{module}]",
        "auxiliary_losses=[{name:mean_square,weight:0.01},{name:cutoff,target:0.2,start_at:0.5}]",
    ]
    folders = [tmp_path / "whole", tmp_path / "killed"]
    first = start(folders[0], tmp_path / "cache", *options)
    _, error = first.communicate()
    assert first.returncode == 0, error
    process = start(folders[1], tmp_path / "cache", *options)
    wait_for(folders[1] / "checkpoints" / "step-00000010.ckpt", process)
    process.kill()
    process.communicate()
    resumed = run("train.py", f"resume={folders[1]}")
    assert resumed.returncode == 0, resumed.stderr
    assert weights(folders[0]) == weights(folders[1])
    assert reports(folders[0]) == reports(folders[1])
    losses = {f"train/{name}_loss" for name in ("alignment", "mean_square", "cutoff")}
    assert losses < set(reports(folders[0])[0])


@pytest.mark.parametrize("number", slow_but([signal.SIGTERM], [signal.SIGTERM, signal.SIGINT]))
def test_a_signal_saves_a_checkpoint(
    run: Run, finished_run: Path, tmp_path: Path, number: signal.Signals
) -> None:
    folder = tmp_path / "run"
    process = start(folder, tmp_path / "cache")
    wait_for(folder / "checkpoints" / "step-00000010.ckpt", process)
    os.kill(process.pid, number)
    _, error = process.communicate()
    assert process.returncode == 128 + number, error
    assert "continue with  python train.py resume=" in error
    assert json.loads((folder / "status.json").read_text())["state"] == "stopped"
    assert run("train.py", f"resume={folder}").returncode == 0
    assert weights(folder) == weights(finished_run)


def test_resuming_a_finished_run_says_so(run: Run, finished_run: Path) -> None:
    before = weights(finished_run)
    done = run("train.py", f"resume={finished_run}")
    assert done.returncode == 0
    assert "is finished" in done.stdout + done.stderr
    assert weights(finished_run) == before
