"""The folder of a run that chose none: made here, so that no other run can have it."""

import itertools
from pathlib import Path

from seq2seq.errors import ConfigError
from seq2seq.paths import name_problem

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
