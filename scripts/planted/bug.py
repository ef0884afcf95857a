"""A change of the source that breaks a known property, and the tests that must notice it."""

from dataclasses import dataclass

ATTENTION = "seq2seq/attention"
CONTRACT = "tests/attention/test_contract.py"


@dataclass(frozen=True)
class Bug:
    """A change of one file.

    Attributes:
        name: of the bug, on the command line.
        effect: what goes wrong.
        file: that is changed.
        edits: pairs of an old text, which occurs exactly once in the file, and its replacement.
        tests: a test file.
        selection: expression that selects among its tests, as for `pytest -k`; empty for all.
    """

    name: str
    effect: str
    file: str
    edits: tuple[tuple[str, str], ...]
    tests: str
    selection: str = ""
