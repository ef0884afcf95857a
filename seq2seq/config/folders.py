"""The folder of a run that chose none: made here, so that no other run can have it."""

import itertools
import re
from pathlib import Path

from omegaconf import OmegaConf

from seq2seq.errors import ConfigError
from seq2seq.paths import name_problem

BEFORE_BRACE = re.compile(r"(\\*)\$\{")  # in which OmegaConf halves the backslashes
BEFORE_QUOTE = re.compile(r"(\\*)('|\Z)")  # in which Hydra does
_made: dict[Path, Path] = {}  # by the preferred folder; Hydra asks several times


def unused_folder(outputs: str, name: str, time: str) -> str:
    """A new folder `<outputs>/<name>/<time>`, or `<time>-2` and so on if there is one already.

    A process that asks again gets the same folder.

    Raises:
        ConfigError: the name is no name of a folder.
    """
    if problem := name_problem(str(name)):
        raise ConfigError(f"name: {problem}")
    preferred = Path(str(outputs), str(name), str(time))
    key = preferred.absolute()
    if key not in _made:
        _made[key] = make(preferred)
    return str(_made[key])


def make(preferred: Path) -> Path:
    """Make a folder, under the first name that is free."""
    preferred.parent.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        folder = preferred if number == 1 else preferred.with_name(f"{preferred.name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise AssertionError("numbers do not end")


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
