"""The registry without what an example registers, before and after each test."""

import sys
from collections.abc import Iterator

import pytest

from seq2seq.attention.config import MECHANISMS
from tests.cli.conftest import command as command  # the fixture


@pytest.fixture(autouse=True)
def registry_as_before() -> Iterator[None]:
    """Remove the mechanisms and modules that a test imports."""
    names, modules = set(MECHANISMS), set(sys.modules)
    yield
    for name in set(MECHANISMS) - names:
        MECHANISMS.remove(name)
    for module in set(sys.modules) - modules:
        if module.startswith("seq2seq_imports_"):
            del sys.modules[module]
