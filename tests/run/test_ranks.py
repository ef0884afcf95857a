"""Processes that train together: whatever ends one of them ends all, with one message."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from seq2seq import stopping
from seq2seq.errors import ConfigError, MachineError, UserError
from seq2seq.processes import death, is_first_process
from seq2seq.run import ranks
from seq2seq.run.last_words import last_words
from seq2seq.run.ranks import free_port, run_ranks

COUNT = 2


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(ranks, "ERROR_LIMIT", 1.0)
    monkeypatch.setattr(ranks, "STOP_LIMIT", 1.0)
    stopping.install()
    yield
    stopping.install()


def rank() -> int:
    return int(os.environ["LOCAL_RANK"])


def note(folder: bytes) -> Path:
    """A file of this rank: its process number."""
    path = Path(folder.decode()) / str(rank())
    path.write_text(str(os.getpid()))
    return path


def wait_for_both(folder: bytes) -> None:
    note(folder)
    while len(list(Path(folder.decode()).iterdir())) < COUNT:
        time.sleep(0.01)


def work_to_the_end(folder: bytes) -> None:
    wait_for_both(folder)
    names = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "OMP_NUM_THREADS")
    values = [os.environ.get(name, "") for name in names]
    note(folder).write_text(" ".join([str(is_first_process()), *values]))


def refuse_on_the_last(folder: bytes) -> None:
    wait_for_both(folder)
    if rank() == COUNT - 1:
        raise ConfigError("seed: must be even; choose 2")
    time.sleep(60)


def refuse_on_both(folder: bytes) -> None:
    raise ConfigError("seed: must be even; choose 2")


def fail_on_the_last(folder: bytes) -> None:
    wait_for_both(folder)
    if rank() == COUNT - 1:
        raise ValueError("a fault")
    time.sleep(60)


def lose_connections(folder: bytes) -> None:
    wait_for_both(folder)
    if rank() == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    raise RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer")


def die_on_the_first(folder: bytes) -> None:
    wait_for_both(folder)
    if rank() == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def stop_the_last(folder: bytes) -> None:
    wait_for_both(folder)
    if rank() == COUNT - 1:
        os.kill(os.getpid(), signal.SIGUSR1)
    time.sleep(60)


def end_while_a_signal_comes(folder: bytes) -> None:
    wait_for_both(folder)
    if rank() == COUNT - 1:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # as Python does at its end
        os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)


def save_when_stopped(folder: bytes) -> None:
    with stopping.deferred():
        wait_for_both(folder)
        while not stopping.received():
            time.sleep(0.01)
        note(folder).write_text("saved")
    stopping.raise_if_received()


def stop_when_both_are_there(folder: Path, number: int) -> threading.Thread:
    """Send this process a signal when both ranks are at work."""

    def send() -> None:
        while len(list(folder.iterdir())) < COUNT:
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def ensure_no_orphan(folder: Path) -> None:
    for path in folder.iterdir():
        if path.read_text().isdigit():
            with pytest.raises(ProcessLookupError):
                os.kill(int(path.read_text()), 0)


def test_each_rank_has_the_environment_of_a_launcher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MASTER_PORT", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    run_ranks(COUNT, work_to_the_end, bytes(tmp_path))
    first, last = ((tmp_path / str(number)).read_text().split() for number in range(COUNT))
    assert (first[0], last[0]) == ("True", "False")
    assert first[1:] == last[1:]
    assert first[3:] == ["0", "3"]
    assert "LOCAL_RANK" not in os.environ


@pytest.mark.parametrize(
    ("work", "error", "message"),
    [
        (refuse_on_the_last, UserError, r"process 2 of 2: seed: must be even"),
        (refuse_on_both, UserError, r"process 1 of 2: seed: must be even"),
        (fail_on_the_last, UserError, r"process 2 of 2 failed, and the others were ended"),
        (lose_connections, MachineError, r"process 1 of 2 was killed by SIGKILL"),
        (die_on_the_first, MachineError, r"process 1 of 2 was killed by SIGKILL"),
    ],
)
def test_the_end_of_one_rank_ends_all(
    tmp_path: Path,
    work: ranks.Work,
    error: type[UserError],
    message: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(error, match=message):
        run_ranks(COUNT, work, bytes(tmp_path))
    ensure_no_orphan(tmp_path)
    shown = capfd.readouterr().err
    assert shown.count("Traceback") == (work is fail_on_the_last)
    assert shown.count("ValueError: a fault") == (work is fail_on_the_last)


def test_a_refusal_keeps_its_exit_code(tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        run_ranks(COUNT, refuse_on_both, bytes(tmp_path))
    assert refused.value.exit_code == ConfigError.exit_code


@pytest.mark.parametrize(
    ("work", "number"),
    [(stop_the_last, signal.SIGUSR1), (end_while_a_signal_comes, signal.SIGTERM)],
)
def test_the_stop_of_one_rank_stops_all(tmp_path: Path, work: ranks.Work, number: int) -> None:
    with pytest.raises(stopping.Stopped) as stopped:
        run_ranks(COUNT, work, bytes(tmp_path))
    assert stopped.value.number == number
    ensure_no_orphan(tmp_path)


@pytest.mark.parametrize("number", stopping.STOP_SIGNALS)
def test_signals_are_passed_on(tmp_path: Path, number: int) -> None:
    thread = stop_when_both_are_there(tmp_path, number)
    with pytest.raises(stopping.Stopped) as stopped:
        run_ranks(COUNT, save_when_stopped, bytes(tmp_path))
    thread.join()
    assert stopped.value.number == number
    assert [path.read_text() for path in tmp_path.iterdir()] == ["saved"] * COUNT


def test_what_a_rank_tells() -> None:
    assert last_words(stopping.Stopped(15)).stopped == 15
    caused = RuntimeError("a library")
    caused.__cause__ = stopping.Stopped(2)
    assert last_words(caused).exit_code == 130
    assert last_words(RuntimeError("NCCL timeout")).lost
    assert not last_words(ConfigError("gloo")).lost
    assert last_words(ValueError("x")).is_fault


def test_how_a_rank_died() -> None:
    assert "killed by SIGSEGV" in death(-signal.SIGSEGV)
    assert "memory" in death(-signal.SIGKILL)
    assert "exit code 3" in death(3)


def test_a_free_port_can_be_used() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", free_port()))
