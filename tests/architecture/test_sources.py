"""Names of the sources say what they hold and mean one thing; no imports go in circles."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.scripts.loading import SCRIPTS, imported_script

PACKAGE = SCRIPTS.parent / "seq2seq"
MAX_FILLER_SHARE = 0.005  # of all bindings


@pytest.fixture(scope="module")
def script() -> Iterator[Any]:
    with imported_script("code_measures") as module:
        yield module


@pytest.fixture(scope="module")
def modules(script: Any) -> Any:
    return script.read_modules(PACKAGE)


def test_variables_and_parameters_are_named_after_what_they_hold(script: Any, modules: Any) -> None:
    assert script.filler_share(modules) < MAX_FILLER_SHARE, script.filler_bindings(modules)


def test_a_name_that_several_modules_define_has_a_reason(script: Any, modules: Any) -> None:
    assert script.reasons_problems(modules) == []


def test_no_modules_import_each_other_not_even_for_type_checking(script: Any, modules: Any) -> None:
    assert script.circles(modules) == []
