"""Processes of one thread that share the work of this one: `decoding.workers`.

They are copies of this process (`fork`), so that a model is not loaded again and shares its memory.
A copy has only the thread that made it: torch must not look for its others, so a worker computes
with one.
"""

import os
import pickle
import signal
import sys
import time
import traceback
import warnings
from _thread import start_new_thread
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing import (
    current_process,
    get_all_start_methods,
    get_context,
    parent_process,
)
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.util import Finalize
from threading import active_count
from types import TracebackType
from typing import Any, Generic, TypeVar

import torch

from seq2seq.errors import ConfigError, MachineError
from seq2seq.kept_memory import keep_freed_memory
from seq2seq.processes import death, is_rank
from seq2seq.stopping import STOP_SIGNALS, unanswered

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")

GRACE = 0.5  # seconds in which a signal that ended a worker reaches this process, too


class Workers(Generic[TaskT, ResultT]):
    """Applies a function to tasks, in this process or in several at a time.

    A context manager: whatever ends the block, a stop or an error, ends the processes. They end as
    well when this process does.

    Args:
        count: of processes at most; 1 is this process itself. They start with the first two tasks.
        work: a function of one task. Processes have a copy of what it refers to, as it is when they
            start.

    Raises:
        ConfigError: several were asked for, and this operating system cannot copy a process.
    """

    def __init__(self, count: int, work: Callable[[TaskT], ResultT]) -> None:
        if count > 1 and "fork" not in get_all_start_methods():
            raise ConfigError(
                f"decoding.workers: must be 1 on this operating system, not {count}; choose 1"
            )
        self.count, self.work = count, work
        self._workers: dict[Connection, BaseProcess] = {}
        self._finalize = Finalize(self, end, (self._workers,), exitpriority=10)

    def __enter__(self) -> "Workers[TaskT, ResultT]":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._finalize()

    def map(self, tasks: Sequence[TaskT]) -> Iterator[tuple[int, ResultT]]:
        """The number and the result of each task; by several processes, as they finish.

        Raises:
            MachineError: a process was killed.
            Exception: what `work` raised.
        """
        if self.count == 1 or len(tasks) < 2:
            yield from ((number, self.work(task)) for number, task in enumerate(tasks))
            return
        self._start(min(self.count, len(tasks)))
        remaining = iter(enumerate(tasks))
        busy = {
            pipe: self._give(pipe, *numbered)
            for pipe, numbered in zip(self._workers, remaining, strict=False)
        }
        while busy:
            for pipe in wait(list(busy)):
                assert isinstance(pipe, Connection)
                number, result = busy.pop(pipe), self._receive(pipe)
                if (following := next(remaining, None)) is not None:
                    busy[pipe] = self._give(pipe, *following)
                yield number, result

    def _start(self, count: int) -> None:
        """Start as many processes as are missing."""
        context = get_context("fork")
        with unanswered(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)  # of several threads
            for _ in range(count - len(self._workers)):
                here, there = context.Pipe()
                process = context.Process(
                    target=worker_main, args=(self.work, there, list(self._workers)), daemon=True
                )
                process.start()
                there.close()
                self._workers[here] = process

    def _give(self, pipe: Connection, number: int, task: TaskT) -> int:
        with suppress(BrokenPipeError):  # `_receive` tells why
            # Not by `send`, which would share the memory of tensors by further processes.
            pipe.send_bytes(pickle.dumps(task))
        return number

    def _receive(self, pipe: Connection) -> ResultT:
        try:
            result, error, trace = pickle.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            time.sleep(GRACE)  # a stop of all processes is answered here
            process = self._workers[pipe]
            process.join(GRACE)
            raise MachineError(
                f"a process that translates {death(process.exitcode or 0)}; choose a smaller "
                "decoding.batch_size or decoding.workers=1"
            ) from None
        if error is not None:
            raise error from RuntimeError(f"in a process that translates:\n{trace}")
        value: ResultT = result
        return value


def workers_of(configured: int | None, device: torch.device) -> int:
    """The processes that `decoding.workers` means; None is one for each thread of torch.

    But this process alone where a copy of it could miss something: beside other threads of Python,
    as one of several that train together or as a daemon, and on other systems than Linux.

    Raises:
        ConfigError: several should share a device that is no CPU.
    """
    on_cpu = device.type == "cpu"
    if configured is not None:
        if configured > 1 and not on_cpu:
            raise ConfigError(
                f"decoding.workers: must be 1 on {device.type}, not {configured}; choose 1, or the "
                "device cpu"
            )
        return configured
    alone = active_count() == 1 and not is_rank() and not current_process().daemon
    return torch.get_num_threads() if on_cpu and alone and sys.platform == "linux" else 1


def end(workers: dict[Connection, BaseProcess]) -> None:
    """Kill processes: they hold nothing that must be saved."""
    for process in workers.values():
        process.kill()
    for pipe, process in workers.items():
        process.join()
        pipe.close()
    workers.clear()


def worker_main(work: Callable[[Any], Any], pipe: Connection, others: list[Connection]) -> None:
    """A worker: answers each task with its result, or with an error and its traceback.

    Args:
        others: pipes of earlier workers that this copy holds and must not keep open.
    """
    heed_signals()
    for other in others:
        other.close()
    parent = parent_process()
    assert parent is not None
    start_new_thread(end_with, (parent,))
    torch.set_num_threads(1)
    keep_freed_memory()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            task = pickle.loads(pipe.recv_bytes())
            try:
                answer = pickle.dumps((work(task), None, ""))
            except Exception as error:
                answer = pickle.dumps((None, portable(error), traceback.format_exc()))
            pipe.send_bytes(answer)


def heed_signals() -> None:
    """Let stop signals end this process at once; one that its parent ignores is ignored."""
    names = {*STOP_SIGNALS, getattr(signal, "SIGHUP", signal.SIGTERM)}
    for number in names:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, names)


def end_with(parent: BaseProcess) -> None:
    """End this process when its parent has ended."""
    parent.join()
    os._exit(1)


def portable(error: Exception) -> Exception:
    """The error, or one with its text where it does not survive pickling."""
    try:
        copied = pickle.loads(pickle.dumps(error))
    except Exception:
        copied = None
    return (
        error if type(copied) is type(error) else RuntimeError(f"{type(error).__name__}: {error}")
    )
