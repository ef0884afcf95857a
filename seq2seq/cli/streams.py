"""Standard output and standard error as their readers are: in any encoding, closed, full or gone.

What a terminal cannot show is escaped with backslashes. Messages that nobody can take are dropped,
since a lost message is no reason to lose the work; a command whose result is what it writes ends.
"""

import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

BROKEN_PIPE = 128 + 13  # the exit code of a program that SIGPIPE ends
CLOSED = -1  # a descriptor that no process has
STREAM_NAMES = ("standard input", "standard output", "standard error")


class Output(io.RawIOBase):
    """A standard stream of this process.

    Args:
        descriptor: of the stream, or CLOSED.
        name: of the stream, for errors.
        needed: whether what is written is the result of the command. If it is, the process ends
            silently with BROKEN_PIPE when the reader went away, and other errors are raised;
            otherwise what cannot be written is dropped.
    """

    def __init__(self, descriptor: int, name: str, *, needed: bool) -> None:
        self.descriptor, self.name, self.needed = descriptor, name, needed

    def write(self, data: Any, /) -> int:
        """Write all of the data.

        Raises:
            OSError: the stream is closed or full, with its name.
        """
        remaining = memoryview(data).cast("B")
        while remaining:
            try:
                remaining = remaining[os.write(self.descriptor, remaining) :]
            except BlockingIOError:  # a terminal that another program made not to wait
                select.select([], [self.descriptor], [])
            except OSError as error:
                if self.needed:
                    self.needed = False  # what is still buffered is dropped
                    if error.errno == errno.EPIPE:
                        raise SystemExit(BROKEN_PIPE) from None
                    raise OSError(error.errno, error.strerror, self.name) from None
                break
        return memoryview(data).nbytes

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.descriptor

    def isatty(self) -> bool:
        return os.isatty(self.descriptor)


@contextmanager
def usable_streams(*, needed: bool) -> Iterator[None]:
    """Let everything in it write to standard output and standard error without surprises.

    Args:
        needed: whether standard output takes the result of the command, see `Output`.

    Raises:
        OSError: at the end, the result could not be written.
    """
    keep_descriptors()
    before = sys.stdout, sys.stderr
    sys.stdout = usable(before[0], 1, needed=needed)
    sys.stderr = usable(before[1], 2, needed=False)
    try:
        yield
    finally:
        try:
            sys.stdout.flush()
        finally:
            sys.stdout, sys.stderr = before


def usable(stream: TextIO | None, number: int, *, needed: bool) -> TextIO:
    """A stream of Python's own as an `Output`; one that a program put in its place as it is."""
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    descriptor = number
    if stream is None:
        descriptor = CLOSED
    elif isinstance(raw, Output):
        stream.flush()
        descriptor = raw.descriptor
    elif stream is not (sys.__stdin__, sys.__stdout__, sys.__stderr__)[number]:
        return stream
    output = Output(descriptor, STREAM_NAMES[number], needed=needed)
    return io.TextIOWrapper(
        io.BufferedWriter(output),
        encoding=getattr(stream, "encoding", "utf-8"),
        errors="backslashreplace",
        line_buffering=not needed or output.isatty(),
    )


def keep_descriptors() -> None:
    """Occupy the descriptors of streams that are closed, so that no file is opened as one.

    A library that prints would otherwise write into that file.
    """
    for descriptor in range(len(STREAM_NAMES)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest free number
