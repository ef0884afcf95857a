"""Fixtures of every test."""

import logging
import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from seq2seq.stopping import STOP_SIGNALS
from tests.registered import Registered

os.environ["HF_HUB_OFFLINE"] = "1"  # read by libraries when they are imported

# The same examples each time, however busy the machine is.
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def process_as_before() -> Iterator[None]:
    """Restore what a run sets for the whole process: signals, messages, registered options."""
    registered = Registered()
    handlers = {number: signal.getsignal(number) for number in (*STOP_SIGNALS, signal.SIGHUP)}
    package = logging.getLogger("seq2seq")
    level, propagate = package.level, package.propagate
    yield
    registered.remove_further()
    for number, handler in handlers.items():
        signal.signal(number, handler)
    for handler in list(package.handlers):
        package.removeHandler(handler)
        handler.close()
    package.setLevel(level)
    package.propagate = propagate
