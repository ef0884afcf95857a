"""Marks of parameters."""

from collections.abc import Callable, Container, Iterable
from typing import Any

import pytest
from _pytest.mark import ParameterSet


def slow_but(
    fast: Container[Any], values: Iterable[Any], label: Callable[[Any], str] = str
) -> list[ParameterSet]:
    """Parameters of a test of which `make test` takes `fast`, and `make test-slow` the others."""
    return [
        pytest.param(value, id=label(value), marks=() if value in fast else pytest.mark.slow)
        for value in values
    ]
