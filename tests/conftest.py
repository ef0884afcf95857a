"""What every test can rely on."""

import logging
import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def process_as_before() -> Iterator[None]:
    """Take back what a run in this process sets for all of it: answers to signals, and where messages go."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    package = logging.getLogger("seq2seq")
    level, propagate = package.level, package.propagate
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    for each in list(package.handlers):
        package.removeHandler(each)
        each.close()
    package.setLevel(level)
    package.propagate = propagate
