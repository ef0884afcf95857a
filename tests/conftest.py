"""Fixtures of every test."""

import logging
import signal
from collections.abc import Iterator

import pytest

from seq2seq.stopping import STOP_SIGNALS


@pytest.fixture(autouse=True)
def process_as_before() -> Iterator[None]:
    """Restore what a run sets for the whole process: signal handlers, and handlers of messages."""
    handlers = {number: signal.getsignal(number) for number in (*STOP_SIGNALS, signal.SIGHUP)}
    package = logging.getLogger("seq2seq")
    level, propagate = package.level, package.propagate
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    for handler in list(package.handlers):
        package.removeHandler(handler)
        handler.close()
    package.setLevel(level)
    package.propagate = propagate
