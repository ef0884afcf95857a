"""Logging: messages go to the terminal and to the run's log file."""

import logging
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from seq2seq.errors import first_line
from seq2seq.printable import PrintableFormatter


class Terminal(logging.StreamHandler[TextIO]):
    """Messages on standard error; those that it cannot take are dropped."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Training does not end for a lost message."""


class LogFile(logging.FileHandler):
    """Messages in a file; when it cannot be written, that is said once and training goes on."""

    failed = False

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if not self.failed and isinstance(error, OSError):
            self.failed = True
            logging.getLogger(__name__).warning(
                "%s: cannot be written (%s); messages are only shown here",
                self.baseFilename,
                first_line(error),
            )

    def close(self) -> None:
        with suppress(OSError):  # what could not be written is still in a buffer
            super().close()


def configure_logging(file: Path | None = None, *, shown: bool = True) -> None:
    """Send messages of this package to standard error and to a file.

    Args:
        file: gets all messages, appended; None for no file.
        shown: False shows only warnings, for all processes but the first.
    """
    package = logging.getLogger("seq2seq")
    for handler in list(package.handlers):
        package.removeHandler(handler)
        handler.close()
    package.setLevel(logging.INFO)
    package.propagate = False
    terminal = Terminal(sys.stderr)
    terminal.setLevel(logging.INFO if shown else logging.WARNING)
    terminal.setFormatter(PrintableFormatter("%(message)s"))
    package.addHandler(terminal)
    if file is not None:
        handler = LogFile(file, encoding="utf-8")
        handler.setFormatter(PrintableFormatter("%(asctime)s %(levelname)s %(message)s"))
        package.addHandler(handler)


def quiet_lightning() -> None:
    """Hide Lightning's announcements and advice; its errors stay."""
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"lightning\..*")
