"""When a training command has taken its first step, and verdicts beside bounds."""

import sys
from pathlib import Path

import pytest

from seq2seq.bench.process import MeasurementError
from seq2seq.bench_runs.start_bench import BOUNDS, FIRST_STEP, HELP_PAGE, bounds_table, first_step

PROGRAM = """
import sys, time
from pathlib import Path

options = dict(item.split("=", 1) for item in sys.argv[1:] if "=" in item)
if "fail" in options:
    sys.exit("no such corpus")
run = Path(options["hydra.run.dir"].strip("'"))
run.mkdir()
(run / "metrics.jsonl").touch()
time.sleep(0.3)
(run / "metrics.jsonl").write_text(options["trainer.report_every"])
(run.parents[1] / "stepped").touch()
time.sleep(600)
"""


def test_the_first_report_ends_the_time_and_the_process(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    python = [sys.executable, "-S", "-E", str(program)]
    seconds = first_step(["data=reverse"], tmp_path, python=python)["seconds"]
    assert 0.3 < seconds < 300
    assert (tmp_path / "stepped").exists()
    with pytest.raises(MeasurementError, match="took no step: no such corpus"):
        first_step(["fail=1"], tmp_path, python=python)


def test_each_command_stands_beside_its_bound() -> None:
    medians = {**BOUNDS, HELP_PAGE: 2.5, FIRST_STEP: None}
    rows = [{"contestant": name, "median": median} for name, median in medians.items()]
    lines = bounds_table({"summary": rows}).splitlines()[2:]
    assert lines[0] == "| train --help | 2.50 | 2 | missed |"
    assert lines[1] == "| first training step | - | 10 | not measured |"
    assert lines[2] == "| evaluate one sentence | 5.00 | 5 | kept |"
