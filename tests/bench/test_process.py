"""Processes that measure: results, failures, the memory of all their processes."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from seq2seq.bench.process import MeasurementError, ended_with, run_process, status_bytes


def run_python(code: str, **options: bool) -> object:
    return run_process([sys.executable, "-c", code], **options).result()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys; print('{}'); sys.exit('no such corpus')", "no such corpus"),
        ("raise ValueError('odd')", "ValueError: odd"),
        ("import sys; sys.exit(3)", "ended with exit code 3"),
        ("import os; os.kill(os.getpid(), 9)", "killed by signal 9, which often means too little"),
        ("print('{}'); print('bye')", "printed no result, but 'bye'"),
        ("print(3)", "printed no result, but '3'"),
        ("", "printed no result, but ''"),
    ],
)
def test_failures_have_reasons(code: str, message: str) -> None:
    with pytest.raises(MeasurementError, match=message):
        run_python(code)


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(MeasurementError, match="no/such cannot be started: No such file"):
        run_process(["no/such"])


def test_lines_carry_the_time_at_which_they_came() -> None:
    code = "import time; print('a'); time.sleep(0.3); print('b')"
    (first, a), (second, b) = run_process([sys.executable, "-c", code]).lines
    assert (a, b) == ("a\n", "b\n")
    assert 0.2 < second - first < 20


def test_standard_error_is_read_where_it_is_merged() -> None:
    code = "import sys; print('log', file=sys.stderr)"
    assert run_process([sys.executable, "-c", code]).lines == []
    (line,) = run_process([sys.executable, "-c", code], merged=True).lines
    assert line[1] == "log\n"


def test_the_environment_and_the_folder_are_those_given(tmp_path: Path) -> None:
    code = "import os, json; print(json.dumps([os.environ['X'], os.getcwd()]))"
    finished = run_process([sys.executable, "-c", code], environment={"X": "y"}, folder=tmp_path)
    assert finished.lines[0][1].strip() == f'["y", "{tmp_path.resolve()}"]'


HOLDING = "import os, time; held = bytearray(60 << 20); "
CHILD = f"import subprocess, sys; run = [sys.executable, '-c', {HOLDING + 'time.sleep(0.6)'!r}]; "


@pytest.mark.parametrize(
    ("code", "held"),
    [
        (CHILD + "subprocess.run(run)", 1),
        (CHILD + "subprocess.run(run); subprocess.run(run)", 1),
        (
            CHILD
            + "both = [subprocess.Popen(run), subprocess.Popen(run)]; [x.wait() for x in both]",
            2,
        ),
        (HOLDING + "child = os.fork(); time.sleep(0.6); child and os.wait()", 1),
    ],
    ids=["a child", "one after another", "side by side", "shared pages"],
)
def test_memory_is_the_most_that_all_processes_hold_at_a_time(code: str, held: int) -> None:
    peak = run_process([sys.executable, "-c", code]).peak_bytes
    assert 60 * held < peak / 2**20 < 60 * held + 50


def test_an_interrupt_ends_the_whole_group() -> None:
    sleep = "import time; time.sleep(60)"
    code = (
        "import subprocess, sys; "
        f"child = subprocess.Popen([sys.executable, '-c', {sleep!r}]); "
        "print(child.pid, flush=True); child.wait()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    with pytest.raises(KeyboardInterrupt), ended_with(process):
        raise KeyboardInterrupt
    assert process.returncode == -9
    deadline = time.monotonic() + 10
    while is_alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_alive(process: int) -> bool:
    """Whether a process exists and has not ended, waited for or not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_a_field_of_a_status() -> None:
    status = "Name:\tpython\nVmPeak:\t  900 kB\nVmHWM:\t    12 kB\n"
    assert status_bytes(status, "VmHWM") == 12 * 1024
    assert status_bytes(status, "VmSwap") == 0
