"""A sweep passes signals on, waits for its run, and leaves no process behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from seq2seq import stopping
from seq2seq.config.composed import ensure_one_process
from seq2seq.config.hydra_task import combinations, remaining_combinations
from seq2seq.config.sweep import Sweep, is_stop, run_child
from seq2seq.errors import ConfigError
from seq2seq.training.config import TrainerConfig

ROOT = Path(__file__).parents[2]
SAVES = """
import sys, time
from seq2seq import stopping
with stopping.handled():
    with stopping.deferred():
        print("ready", flush=True)
        while not stopping.received():
            time.sleep(0.01)
        print("saved", stopping.received(), flush=True)
    stopping.raise_if_received()
"""
PARENT = f"""
import sys
from seq2seq import stopping
from seq2seq.config.sweep import Sweep
with stopping.handled():
    sweep = Sweep(["-c", {SAVES!r}])
    sweep.remaining = ["seed=2"]
    try:
        sweep.run(["seed=1"], "folder")
    finally:
        sweep.report()
"""


@pytest.fixture
def parent() -> subprocess.Popen[str]:
    """A sweep in a process group of its own, whose first run has begun."""
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )
    assert process.stdout is not None
    while process.stdout.readline() != "ready\n":
        assert process.poll() is None
    return process


@pytest.mark.parametrize("number", stopping.STOP_SIGNALS)
@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["parent", "group"])
def test_the_run_saves_and_the_sweep_ends(
    parent: subprocess.Popen[str], send: "type[os.kill]", number: int
) -> None:
    send(parent.pid, number)
    out, err = parent.communicate(timeout=30)
    assert out == f"saved {number}\n"
    assert parent.returncode == 128 + number
    lines = err.splitlines()
    name = signal.Signals(number).name
    assert lines.count(f"stopped by {name}: nothing is left half written") == 2  # run and sweep
    assert lines[-3:-1] == ["These combinations were not run:", "  seed=2"]
    assert "  seed=1 -> folder" in lines


def test_a_killed_sweep_leaves_no_run(parent: subprocess.Popen[str]) -> None:
    parent.kill()
    out, err = parent.communicate(timeout=30)  # ends when the run has closed its streams, too
    assert out == f"saved {signal.SIGTERM.value}\n"
    assert "stopped by SIGTERM" in err


@pytest.mark.parametrize(
    ("code", "stopped"), [(143, True), (-15, True), (130, True), (138, True), (0, False)]
)
def test_codes_of_stopped_runs(code: int, stopped: bool) -> None:
    assert is_stop(code) == stopped


@pytest.mark.parametrize("code", [1, 2, 15, 137, -9])
def test_codes_of_failed_runs(code: int) -> None:
    assert not is_stop(code)


def test_failed_and_stopped_runs_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    stopping.install()
    sweep = Sweep(["-c", "import sys; sys.exit(int(sys.argv[1].removeprefix('seed=')))"])
    for seed in ("3", "143", "0"):
        sweep.run([f"seed={seed}"], Path("folder"))
    sweep.report()
    assert (sweep.failed, sweep.stopped) == (["seed=3"], ["seed=143 -> folder"])
    assert "not run" not in capsys.readouterr().err


def test_a_child_reads_its_exit_code() -> None:
    assert run_child([sys.executable, "-c", "raise SystemExit(7)"]) == 7


def test_combinations_are_those_that_hydra_runs() -> None:
    arguments = ["-m", "seed=1,2", "hydra.sweep.dir=x", "model.layers=[a,b],[c]", "b='x,y'"]
    runs = combinations(arguments)
    assert runs[:2] == [
        ["seed=1", "model.layers=[a,b]", "b='x,y'"],
        ["seed=1", "model.layers=[c]", "b='x,y'"],
    ]
    assert len(runs) == 4
    assert remaining_combinations(arguments, 2, runs[2]) == [" ".join(runs[3])]
    assert remaining_combinations(arguments, 2, runs[1]) == []  # a sweeper of another order


@pytest.mark.parametrize("devices", ["2", "[0,1]"])
def test_a_sweep_of_several_processes_is_refused(devices: str) -> None:
    config = OmegaConf.create({"trainer": OmegaConf.structured(TrainerConfig(devices=devices))})
    with pytest.raises(ConfigError, match="without -m, start the runs one after another"):
        ensure_one_process(config)
    config.trainer.devices = "1"
    ensure_one_process(config)
    ensure_one_process(OmegaConf.create({}))  # evaluation
