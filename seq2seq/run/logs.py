"""Logging: messages go to the terminal and to the run's log file."""

import logging
import sys
import warnings
from pathlib import Path

from seq2seq.printable import PrintableFormatter


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
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setLevel(logging.INFO if shown else logging.WARNING)
    terminal.setFormatter(PrintableFormatter("%(message)s"))
    package.addHandler(terminal)
    if file is not None:
        handler = logging.FileHandler(file, encoding="utf-8")
        handler.setFormatter(PrintableFormatter("%(asctime)s %(levelname)s %(message)s"))
        package.addHandler(handler)


def quiet_lightning() -> None:
    """Hide Lightning's announcements and advice; its errors stay."""
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"lightning\..*")
