"""Errors that a user can fix: the command line prints the message and exits with its code.

A message says what must hold, what was given, and what to do. Programming errors are `assert` or
Python's own exceptions, and those do show a traceback.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class UserError(Exception):
    """Base of every error that is answered with a message instead of a traceback."""

    exit_code = 1


class ConfigError(UserError):
    """A configuration that cannot run, with every problem as "path: rule; value; remedy"."""

    exit_code = 2

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        count = len(self.problems)
        head = "" if count == 1 else f"{count} problems in this configuration\n  "
        super().__init__(head + "\n  ".join(self.problems))


class DataError(UserError):
    """A corpus, tokenizer or alignment file that cannot be used; messages name file and line."""


class CheckpointError(UserError):
    """A checkpoint, bundle or run folder that is missing, damaged or does not fit."""


class MissingDependencyError(UserError):
    """An optional package is not installed; the message names the command that installs it."""


def choices(name: str, legal: Sequence[str]) -> str:
    """The end of a message about an unknown name: "did you mean X? choose from A, B, C"."""
    close = get_close_matches(name, legal, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{hint}choose from {', '.join(legal)}"
