"""The outermost handler of every command: an error of the user is one message and an exit code."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from seq2seq.cli.streams import usable_streams
from seq2seq.errors import user_error
from seq2seq.printable import printable
from seq2seq.stopping import stop_behind

FAULT = 1  # the exit code of a fault of this program, as Python's own
TRACEBACKS = ("SEQ2SEQ_TRACEBACK", "HYDRA_FULL_ERROR")  # with 1, errors of users show theirs too
PLEASE_REPORT = (
    "This is a fault of seq2seq, not of what you asked for: please report it, with the command and "
    "the lines above."
)


@contextmanager
def explained_errors(*, prints_result: bool) -> Iterator[None]:
    """Run a command; what it raises ends the process with a message and an exit code.

    Args:
        prints_result: whether standard output takes the result of the command, so that the command
            ends when it cannot be written.
    """
    try:
        with usable_streams(needed=prints_result):
            os.getcwd()  # raises in a folder that was removed, where torch would end the process
            yield
    except Exception as error:
        if stop_behind(error):
            raise
        with usable_streams(needed=False):
            explained = user_error(error)
            if explained is None or shows_tracebacks():
                trace = "".join(traceback.format_exception(error))
                print(printable(trace), file=sys.stderr)
            message = f"error: {explained}" if explained else PLEASE_REPORT
            print(printable(message), file=sys.stderr)
        raise SystemExit(explained.exit_code if explained else FAULT) from None


def shows_tracebacks() -> bool:
    """Whether the user asked for the traceback of every error."""
    return any(os.environ.get(name) == "1" for name in TRACEBACKS)
