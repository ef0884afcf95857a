"""Interpolations, `${...}`, in options: what they may read, and how text is kept from being one."""

import re

from omegaconf import OmegaConf

from seq2seq.errors import ConfigError, UserError

BEFORE_BRACE = re.compile(r"(\\*)\$\{")  # in which OmegaConf halves the backslashes
BEFORE_QUOTE = re.compile(r"(\\*)('|\Z)")  # in which Hydra does


def forbid_environment() -> None:
    """Refuse variables of the environment in options, in this process."""
    OmegaConf.register_new_resolver("oc.env", refuse_environment, replace=True)


def refuse_environment(*_: object) -> str:
    """Stands for `oc.env` in interpolations: what a variable holds would be saved with the run.

    Raises:
        ConfigError: always.
    """
    raise ConfigError(
        "variables of the environment are not read into options, because options are saved with "
        "the run; write the value, or let the shell do so: data.train.source=$TEXT/train.en"
    )


def quoted(text: str) -> str:
    """A value in Hydra's grammar that stands for exactly this text."""
    unresolved = BEFORE_BRACE.sub(r"\1\1\${", text)
    escaped = BEFORE_QUOTE.sub(lambda match: 2 * match[1] + ("\\'" if match[2] else ""), unresolved)
    return f"'{escaped}'"


def refusal(error: BaseException | None) -> UserError | None:
    """The error of the user that a resolver raised, from which another one came."""
    while error is not None and not isinstance(error, UserError):
        error = error.__cause__ or error.__context__
    return error
