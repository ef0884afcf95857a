"""Processes on this machine that train together, started and watched by one that does not train.

The watching process never waits for the network between the ranks, so that it answers signals at
once, and can end the others and tell why when one of them is gone. Imports no torch.
"""

import contextlib
import gc
import os
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from seq2seq.errors import MachineError, UserError
from seq2seq.printable import printable
from seq2seq.processes import IS_RANK, available_cores, death
from seq2seq.run.last_words import LastWords, last_words
from seq2seq.stopping import (
    STOP_SIGNALS,
    Stopped,
    deferred,
    follow,
    handled,
    received,
    unanswered,
)

Work = Callable[[bytes], None]

ERROR_LIMIT = 3.0  # seconds in which the others tell their last words after one has failed
STOP_LIMIT = 20.0  # seconds in which the others end after one has been stopped


@dataclass
class Rank:
    """A process, the end of the pipe for its last words, and these once it is gone."""

    number: int
    process: SpawnProcess
    pipe: Connection
    words: LastWords | None = None
    ended: bool = False
    killed: bool = False  # by the watching process

    @property
    def code(self) -> int:
        return self.process.exitcode or 0

    def collect(self) -> None:
        """Take note of its end, if it has ended."""
        if not self.ended and self.process.exitcode is not None:
            self.ended = True
            try:
                self.words = self.pipe.recv() if self.pipe.poll() else None
            except (EOFError, OSError):
                self.words = None


def run_ranks(count: int, work: Work, argument: bytes) -> None:
    """Call `work(argument)` in `count` processes with the environment of torch's launchers.

    Signals that this process receives are passed on. When one process ends early, the others are
    ended: at once after a failure, within STOP_LIMIT after a stop.

    Args:
        work: a function of a module, which is imported in each process.

    Raises:
        Stopped: a signal stopped the processes.
        UserError: one of them failed.
    """
    with deferred():
        ranks = start_ranks(count, work, argument)
        try:
            watch(ranks)
        finally:
            for rank in ranks:
                rank.process.kill()
                rank.process.join()
    raise_for(ranks)


def start_ranks(count: int, work: Work, argument: bytes) -> list[Rank]:
    """The processes, deaf to signals until they can answer them."""
    context = get_context("spawn")
    resource_tracker.ensure_running()  # starting it would end `unanswered`
    port = os.environ.get("MASTER_PORT") or str(free_port())
    ranks = []
    with unanswered():
        for number in range(count):
            receiving, sending = context.Pipe(duplex=False)
            arguments = (number, count, port, work, argument, sending)
            process = context.Process(target=rank_main, args=arguments, daemon=True)
            process.start()
            sending.close()
            ranks.append(Rank(number, process, receiving))
    return ranks


def watch(ranks: Sequence[Rank]) -> None:
    """Wait until all processes have ended, and see to it that they do."""
    passed_on = False
    deadline = float("inf")
    while not all(rank.ended for rank in ranks):
        wait([rank.process.sentinel for rank in ranks if not rank.ended], timeout=0.2)
        for rank in ranks:
            rank.collect()
        failed = [rank for rank in ranks if rank.ended and rank.code]
        number = received() or max((stop_of(rank) for rank in failed), default=0)
        if number and not passed_on:
            send(ranks, number)
            passed_on = True
        if failed and deadline == float("inf"):
            limit = STOP_LIMIT if all(map(stop_of, failed)) else ERROR_LIMIT
            deadline = time.monotonic() + limit
        if time.monotonic() > deadline:
            for rank in ranks:
                rank.killed = rank.killed or not rank.ended
                rank.process.kill()


def send(ranks: Sequence[Rank], number: int) -> None:
    """Send a signal to the processes that are still there."""
    for rank in ranks:
        if not rank.ended and rank.process.pid is not None:
            os.kill(rank.process.pid, number)  # not waited for yet, so the number is still its own


def stop_of(rank: Rank) -> int:
    """The signal that stopped a process, 0 if it ended otherwise.

    While the interpreter ends, Python no longer handles signals, and they kill.
    """
    if rank.words is not None:
        return rank.words.stopped
    number = rank.code - 128 if rank.code > 128 else -rank.code
    return number if number in STOP_SIGNALS else 0


def raise_for(ranks: Sequence[Rank]) -> None:
    """Raise what ended the processes: what only followed from it is left out.

    Raises:
        Stopped: see `run_ranks`.
        UserError: see `run_ranks`.
    """
    spoken = [rank for rank in ranks if rank.words and not rank.words.lost and not stop_of(rank)]
    stopped = [rank for rank in ranks if stop_of(rank)]
    silent = [rank for rank in ranks if rank.code and not rank.words and not rank.killed]
    dead = [rank for rank in silent if rank not in stopped]
    lost = [rank for rank in ranks if rank.words and rank.words.lost]
    if spoken:
        raise_words(spoken[0], len(ranks))
    if dead:
        raise MachineError(
            f"process {dead[0].number + 1} of {len(ranks)} {death(dead[0].code)}; the others were "
            "ended, and the newest checkpoint is whole"
        )
    if stopped or (received() and any(rank.code for rank in ranks)):
        raise Stopped(received() or stop_of(stopped[0]))
    if lost:
        raise_words(lost[0], len(ranks))


def raise_words(rank: Rank, count: int) -> None:
    """Raise the error of a process as one of this process."""
    assert rank.words is not None
    text = f"process {rank.number + 1} of {count}: {rank.words.text}"
    if rank.words.is_fault:
        print(printable(text), file=sys.stderr)
        text = f"process {rank.number + 1} of {count} failed, and the others were ended; see above"
    error = UserError(text)
    error.exit_code = rank.words.exit_code
    raise error


def rank_main(
    number: int, count: int, port: str, work: Work, argument: bytes, pipe: Connection
) -> None:
    """One of the processes: its environment, its work, its last words."""
    os.environ |= {IS_RANK: "1", "LOCAL_RANK": str(number), "MASTER_PORT": port}
    os.environ.setdefault("NODE_RANK", "0")
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, available_cores() // count)))
    with handled(shown=False):
        parent = parent_process()
        assert parent is not None
        follow(parent.join)
        try:
            work(argument)
            gc.freeze()  # looking through all that torch holds would take seconds
        except BaseException as error:
            words = last_words(error)
            with contextlib.suppress(OSError):  # nobody is left to be told
                pipe.send(words)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(words.exit_code)  # nothing may wait for ranks that are gone


def free_port() -> int:
    """A port of this machine that nothing listens to."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port: int = server.getsockname()[1]
        return port
