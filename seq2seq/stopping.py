"""What a process does when a signal asks it to stop.

A command runs inside `handled`. There a signal raises `Stopped` wherever the process is: files are
written under temporary names and renamed, so that nothing is left half written. Training defers
signals until it has saved a checkpoint.

A signal that comes twice within REPEAT seconds, from a terminal and from a parent, counts once; a
later one ends the process at once.
"""

import _thread
import contextlib
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import TypeVar

T = TypeVar("T")

STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGUSR1") if hasattr(signal, name)
)
LIFELINE = "SEQ2SEQ_LIFELINE"  # in the environment of a process whose standard input is its parent
REPEAT = 2.0  # seconds within which a second signal is taken for the first
SWALLOWED_AFTER = 3.0  # seconds after which `Stopped` is raised again where something swallowed it
ORPHAN_LIMIT = 8.0  # seconds in which a process whose parent is gone ends


class Stopped(BaseException):
    """A signal asked this process to stop; not an Exception, so that nothing takes it for one.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def exit_code(self) -> int:
        """128 + the number of the signal, as a shell reports it."""
        return 128 + self.number


@dataclass
class _State:
    """What this process has received and where it is."""

    number: int = 0
    since: float = 0.0
    depth: int = 0  # of `deferred`
    commanded: bool = False  # within `handled`
    swallowed: bool = False
    ended: bool = False
    abandoned: bool = False  # a thread is at work in a library, and nobody waits for it
    remedy: str = "nothing is left half written"


_state = _State()


def install() -> None:
    """Handle all stop signals, and that of a closed terminal unless `nohup` ignores it.

    Belongs into the main thread; forgets what was received before.
    """
    _install()
    _mask(signal.SIG_UNBLOCK)


def _install() -> None:
    global _state
    _state.ended = True
    _state = _State()
    for number in STOP_SIGNALS:
        signal.signal(number, _receive)
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is not None and signal.getsignal(hangup) == signal.SIG_DFL:
        signal.signal(hangup, _receive)
    if os.environ.pop(LIFELINE, ""):
        follow(_end_of_input)


def received() -> int:
    """The number of the first stop signal that this process received, 0 without one."""
    return _state.number


def raise_if_received() -> None:
    """A safe point within `deferred`."""
    if _state.number:
        raise Stopped(_state.number)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Within it a signal is only remembered; whoever enters it looks at `received` afterwards."""
    _state.depth += 1
    try:
        yield
    finally:
        _state.depth -= 1


@contextlib.contextmanager
def unanswered() -> Iterator[None]:
    """Processes started within it are deaf to signals until they call `install`."""
    _mask(signal.SIG_BLOCK)
    try:
        yield
    finally:
        _mask(signal.SIG_UNBLOCK)


def follow(wait: Callable[[], object]) -> None:
    """Stop this process, as SIGTERM does, when the parent that it belongs to is gone.

    Args:
        wait: returns when it is; called in a thread.
    """
    _thread.start_new_thread(_follow, (wait, _state))


def deaf(work: Callable[[], T]) -> T:
    """Do what a library takes minutes for without hearing a signal; a stop leaves it unfinished."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    _state.abandoned = True
    thread.start()
    while thread.is_alive():
        thread.join(timeout=1)  # signals are answered here
    _state.abandoned = False
    if errors:
        raise errors[0]
    return results[0]


def continue_with(command: str) -> None:
    """Name the command that goes on with what this process does, for the message of `handled`."""
    _state.remedy = f"continue with  {command}"


@contextlib.contextmanager
def handled(*, shown: bool = True) -> Iterator[None]:
    """Around a whole command: a stop is one line on standard error and the signal's exit code.

    Args:
        shown: False prints no line, for a process whose parent does.
    """
    _install()
    state = _state
    state.commanded = True
    try:
        _mask(signal.SIG_UNBLOCK)
        yield
    except BaseException as error:
        state.ended = True
        stopped = stop_behind(error)
        if stopped is None:
            raise
        if shown:
            _print(f"stopped by {signal.Signals(stopped.number).name}: {state.remedy}")
        gc.freeze()  # looking through all that torch holds would take seconds
        if state.abandoned:
            os._exit(stopped.exit_code)
        raise SystemExit(stopped.exit_code) from None
    finally:
        state.ended = True


def _receive(number: int, frame: FrameType | None) -> None:
    """The handler of every stop signal."""
    state, now = _state, time.monotonic()
    if state.swallowed:
        state.swallowed = False
        if not state.depth:
            raise Stopped(state.number)
        return
    if state.number:
        if now - state.since > REPEAT:
            _print(f"stopped at once by a second {signal.Signals(number).name}")
            os._exit(128 + number)
        return
    state.number, state.since = number, now
    if state.depth or state.ended:
        return
    if state.commanded:
        _thread.start_new_thread(_insist, (state,))  # takes no lock, so a handler may start it
    raise Stopped(number)


def _insist(state: _State) -> None:
    """End the process if something swallowed `Stopped`, as a `__del__` or a bare except does."""
    time.sleep(SWALLOWED_AFTER)
    if not state.ended:
        state.swallowed = True
        _thread.interrupt_main(signal.Signals(state.number))
    time.sleep(2 * SWALLOWED_AFTER)
    if not state.ended and not state.depth:
        os._exit(128 + state.number)


def _follow(wait: Callable[[], object], state: _State) -> None:
    wait()
    if not state.ended:
        _thread.interrupt_main(signal.SIGTERM)
        time.sleep(ORPHAN_LIMIT)
        os._exit(128 + signal.SIGTERM)


def _end_of_input() -> None:  # the other end is the parent's
    while os.read(0, 4096):
        pass


def _mask(how: int) -> None:
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(how, STOP_SIGNALS)


def stop_behind(error: BaseException) -> Stopped | None:
    """The stop that an error is, or that a library turned into another error."""
    while not isinstance(error, Stopped):
        behind = error.__cause__ or error.__context__
        if behind is None:
            return None
        error = behind
    return error


def _print(text: str) -> None:
    """One line on standard error, which may be a terminal that was closed."""
    with contextlib.suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)
