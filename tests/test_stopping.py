"""Every stop signal ends a command with one line and its exit code, wherever the command is."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seq2seq import stopping

ROOT = Path(__file__).parents[1]
ALL = (*stopping.STOP_SIGNALS, signal.SIGHUP)
SEND = "import os, signal, time; from seq2seq import stopping; me = os.getpid()\n"


@pytest.fixture(params=ALL, ids=lambda number: signal.Signals(number).name)
def number(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def installed() -> Iterator[None]:
    stopping.install()
    yield
    stopping.install()


def run(code: str, *, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, within `handled`."""
    body = "".join(f"    {line}\n" for line in code.splitlines())
    return subprocess.run(
        [sys.executable, "-c", f"{SEND}{before}\nwith stopping.handled():\n{body}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=30,
    )


def test_a_signal_stops_a_command_with_one_line_and_its_code(number: int) -> None:
    ended = run(f"os.kill(me, {number})\ntime.sleep(9)")
    assert ended.returncode == 128 + number
    name = signal.Signals(number).name
    assert ended.stderr == f"stopped by {name}: nothing is left half written\n"


def test_the_line_names_the_command_that_goes_on() -> None:
    ended = run(f"stopping.continue_with('go on')\nos.kill(me, {signal.SIGTERM})\ntime.sleep(9)")
    assert ended.stderr == "stopped by SIGTERM: continue with  go on\n"


def test_what_a_library_makes_of_the_stop_is_still_a_stop() -> None:
    code = (
        f"try:\n    os.kill(me, {signal.SIGINT})\n    time.sleep(9)\n"
        "except BaseException as error:\n    raise ImportError('numpy') from error"
    )
    ended = run(code)
    assert ended.returncode == 130
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("swallowed", [1, 2])
def test_a_stop_that_is_swallowed_ends_the_process(swallowed: int) -> None:
    code = "time.sleep(9)"
    for _ in range(swallowed):
        code = f"try:\n    os.kill(me, 15)\n    time.sleep(9)\nexcept BaseException: pass\n{code}"
    ended = run(code, before="stopping.SWALLOWED_AFTER = 0.2")
    assert ended.returncode == 143


DEAF = """
def hear_nothing():
    for _ in range(900):
        time.sleep(0.01)

import threading
threading.Timer(0.1, lambda: os.kill(me, 15)).start()
stopping.deaf(hear_nothing)
"""


def test_a_library_that_hears_no_signal_is_left() -> None:
    assert run(DEAF).returncode == 143


def test_what_a_library_does_without_hearing_is_returned(installed: None) -> None:
    assert stopping.deaf(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        stopping.deaf(lambda: 1 // 0)


def test_an_error_of_another_kind_is_left_as_it_is() -> None:
    ended = run("raise ValueError('mine')")
    assert ended.returncode == 1
    assert ended.stderr.endswith("ValueError: mine\n")


def test_two_signals_at_once_are_one_and_a_later_one_ends_the_process() -> None:
    both = "os.kill(me, 15); os.kill(me, 2)\n"
    ended = run(f"with stopping.deferred():\n    {both}stopping.raise_if_received()")
    assert ended.returncode == 143
    later = "time.sleep(0.2); os.kill(me, 2); time.sleep(9)"
    ended = run(
        f"with stopping.deferred():\n    os.kill(me, 15)\n    {later}",
        before="stopping.REPEAT = 0.1",
    )
    assert ended.returncode == 130
    assert ended.stderr == "stopped at once by a second SIGINT\n"


def test_a_signal_after_the_end_changes_nothing() -> None:
    ended = run("import atexit; atexit.register(lambda: os.kill(me, 15))")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_closed_terminal_takes_no_message() -> None:
    ended = run("import sys; sys.stderr.close(); os.kill(me, 1); time.sleep(9)")
    assert ended.returncode == 129


def test_a_process_under_nohup_outlives_its_terminal() -> None:
    ended = run("os.kill(me, 1); print('on')", before="signal.signal(1, signal.SIG_IGN)")
    assert (ended.returncode, ended.stdout) == (0, "on\n")


def test_deferred_signals_are_remembered(number: int, installed: None) -> None:
    with stopping.deferred():
        with stopping.deferred():
            stopping.raise_if_received()
            os.kill(os.getpid(), number)
        assert stopping.received() == number
        with pytest.raises(stopping.Stopped) as stopped:
            stopping.raise_if_received()
    assert stopped.value.exit_code == 128 + number


def test_after_deferred_a_signal_raises_again(number: int, installed: None) -> None:
    with stopping.deferred():
        pass
    with pytest.raises(stopping.Stopped):
        signal.raise_signal(number)
