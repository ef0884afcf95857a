"""What a user can do wrong. The command line prints the message alone and exits with the error's code, no traceback.

A message says what must hold, what was given, and what to do. Programming errors are `assert` or Python's own
exceptions, and those do show a traceback.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class UserError(Exception):
    """Base of every error that is answered with a message instead of a traceback."""

    exit_code = 1


class ConfigError(UserError):
    """A configuration that cannot run. Holds every problem found, each as "path: what is wrong; what to choose"."""

    exit_code = 2

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        count = len(self.problems)
        head = "" if count == 1 else f"{count} problems in this configuration\n  "
        super().__init__(head + "\n  ".join(self.problems))


class DataError(UserError):
    """A corpus, tokenizer or alignment file that cannot be used as given; the message names file and line."""


class CheckpointError(UserError):
    """A checkpoint, bundle or run folder that is missing, damaged or does not fit."""


class MissingDependencyError(UserError):
    """An optional package is needed for what was asked; the message names the command that installs it."""


def choices(given: str, legal: Sequence[str]) -> str:
    """ "did you mean X? choose from A, B, C": the end of a message about a name that does not exist."""
    close = get_close_matches(given, legal, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{hint}choose from {', '.join(legal)}"
