"""Runs that are killed, or whose disk fills up, at their file operations; see the scripts."""

import os
import re
import subprocess
import sys

import pytest

from tests.integration.commands import environment
from tests.scripts.loading import SCRIPTS

QUICK = ("--case", "average", "--case", "stopped", "--every", "151")


def output_of(script: str, *arguments: str) -> str:
    command = [sys.executable, str(SCRIPTS / script), *arguments]
    environ = {**environment(), "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def kills(output: str) -> int:
    match = re.search(r"^(\d+) (?:kills|full disks), .*; 0 runs ended otherwise", output, re.M)
    assert match, output
    return int(match[1])


def test_a_run_killed_at_some_file_operations_ends_as_if_never_killed() -> None:
    assert kills(output_of("kill_at_each_write.py", *QUICK)) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("fault", [("--every", "7"), ("--full", "--every", "21")])
def test_a_run_interrupted_at_each_file_operation(fault: tuple[str, ...]) -> None:
    assert kills(output_of("kill_at_each_write.py", *fault)) > 90


@pytest.mark.slow
def test_no_kill_while_saving_leaves_a_torn_checkpoint_or_bytes() -> None:
    output = output_of("kill_while_saving.py", "--kills", "60")
    assert output.count("60 kills") == output.count("; 0 faults") == 2
    assert "refused, and earlier checkpoints load" in output
