"""Where messages go: the terminal, and a run's own log file."""

import logging
import sys
import warnings
from pathlib import Path


def configure_logging(file: Path | None = None, *, shown: bool = True) -> None:
    """Send messages of this package to standard error, and all of them to a file as well.

    Args:
        file: appended to.
        shown: False for processes other than the first, which then show warnings alone.
    """
    package = logging.getLogger("seq2seq")
    for handler in list(package.handlers):
        package.removeHandler(handler)
        handler.close()
    package.setLevel(logging.INFO)
    package.propagate = False
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setLevel(logging.INFO if shown else logging.WARNING)
    terminal.setFormatter(logging.Formatter("%(message)s"))
    package.addHandler(terminal)
    if file is not None:
        handler = logging.FileHandler(file, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        package.addHandler(handler)


def quiet_lightning() -> None:
    """Keep Lightning's announcements and advice off the terminal; its errors stay."""
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"lightning\..*")
