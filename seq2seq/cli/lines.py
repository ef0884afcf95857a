"""Reading and writing of lines as bytes, so that nothing but a line feed ends a line."""

import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from seq2seq.data.text_files import STDIN, text_lines
from seq2seq.errors import DataError
from seq2seq.progress import ProgressReport

logger = logging.getLogger(__name__)

SECONDS = 5.0  # between reports of progress if the number of lines is unknown


def no_problem(line: str) -> None:
    """Any line is good."""


class Lines:
    """The lines of files, in order, or of standard input; an iterator that reads lazily.

    Files are read once beforehand, so that a bad line is reported before work begins. Standard
    input cannot be: a bad line ends the iteration, and `error` is set, so that the lines before it
    are not lost.

    Args:
        files: text in UTF-8, compressed or not; "-" or an empty list is standard input.
        problem: what is wrong with a line, if anything is.

    Attributes:
        total: number of lines; None if it is unknown.
        error: what ended the iteration early.

    Raises:
        DataError: a file cannot be read, or has a bad line, with its name and line.
    """

    def __init__(
        self, files: Sequence[Path], problem: Callable[[str], str | None] = no_problem
    ) -> None:
        self.files, self.problem = list(files) or [STDIN], problem
        self.error: DataError | None = None
        self.total: int | None = None
        for path in self.files:
            if path != STDIN and not path.exists():
                raise DataError(
                    f"{path}: no such file; give text files, or nothing to read standard input"
                )
        if all(path.is_file() for path in self.files):
            self.total = sum(1 for path in self.files for _ in self._lines(path))

    def __iter__(self) -> Iterator[str]:
        try:
            for path in self.files:
                yield from self._lines(path)
        except DataError as error:
            self.error = error

    def _lines(self, path: Path) -> Iterator[str]:
        name = "<stdin>" if path == STDIN else path
        for number, line in enumerate(file_lines(path), 1):
            if problem := self.problem(line):
                raise DataError(f"{name}:{number}: {problem}")
            yield line

    def finish(self) -> None:
        """Raise the error that ended the iteration early."""
        if self.error is not None:
            raise self.error


def file_lines(path: Path) -> Iterator[str]:
    """Lines without their line feed and without a byte order mark.

    Raises:
        DataError: the file cannot be read, or is not UTF-8; the message names file and line.
    """
    yield from text_lines(path, strict=False)


def parallel_lines(source: Path, target: Path) -> tuple[list[str], list[str]]:
    """The lines of two parallel files.

    Raises:
        DataError: they cannot be read, or have different numbers of lines.
    """
    sides = list(file_lines(source)), list(file_lines(target))
    if len(sides[0]) != len(sides[1]):
        raise DataError(
            f"{source} and {target} must have the same number of lines, but "
            f"{source} has {len(sides[0]):,} lines and {target} {len(sides[1]):,}; find the first "
            "line where they diverge"
        )
    return sides


@contextmanager
def standard_output() -> Iterator[Callable[[str], None]]:
    """A function that writes a line in UTF-8, whatever a terminal shows, and flushes it."""

    def write(line: str) -> None:
        sys.stdout.buffer.write(f"{line}\n".encode())
        sys.stdout.buffer.flush()

    yield write


@contextmanager
def line_progress(title: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A function that takes the number of lines just finished and reports on standard error.

    It reports nothing if the output goes to a terminal.
    """
    shown = not sys.stdout.isatty()
    last_report = time.monotonic()
    with ProgressReport(
        title, total or 0, unit=" lines", shown=shown and total is not None
    ) as report:

        def finished(count: int) -> None:
            nonlocal last_report
            report.advance(count)
            if total is None and shown and time.monotonic() - last_report >= SECONDS:
                last_report = time.monotonic()
                logger.info("%s: %s lines", title, f"{report.done:,}")

        yield finished


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """ "1 line", "2,000 lines"."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
