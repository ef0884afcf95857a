"""Options that are paths: marked where they are declared, so that all are treated alike.

`~` is expanded in every one of them, and a run saves them absolute, so that it can be resumed from
any working folder.
"""

import copy
import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

PATH = "path"  # key of the metadata of a field
STANDARD_INPUT = "-"  # where a file is read
LEADING_HOME = re.compile(r"(?:^|(?<=\[)|(?<=,)|(?<=, ))~[\w.-]*(?=[/,\]]|$)")
LEADING_ARGUMENT = re.compile(r"^((?:--[\w-]+=)?)(~[\w.-]*)(?=/|$)")
UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")  # control, surrogate, line and paragraph separator
LONGEST_NAME = 200  # bytes; file systems take 255, and temporary names are longer
T = TypeVar("T")


def always(text: str) -> bool:
    """Every value is a path."""
    return True


def names_python_file(text: str) -> bool:
    """A value is a path if it ends in .py, and the name of a module otherwise."""
    return text.endswith(".py")


def is_folder(text: str) -> bool:
    """A value is a path if there is such a folder, and the name of something remote otherwise."""
    return Path(text).is_dir()


def path_option(default: Any = None, *, is_path: Callable[[str], bool] = always) -> Any:
    """A dataclass field that holds a path, or a list of paths if the default is a list.

    Args:
        is_path: whether a value is a path, of an option that also takes other names.
    """
    metadata = {PATH: is_path}
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def path_options(config: object, prefix: str = "") -> Iterator[str]:
    """Paths, in the other sense, of all options of a configuration that are marked."""
    for item in fields(config):  # type: ignore[arg-type]
        value = getattr(config, item.name)
        if PATH in item.metadata:
            yield f"{prefix}{item.name}"
        elif is_dataclass(value):
            yield from path_options(value, f"{prefix}{item.name}.")


def with_paths(config: T, change: Callable[[str], str]) -> T:
    """A copy of a configuration in which every path is changed."""
    changed = copy.copy(config)
    for item in fields(config):  # type: ignore[arg-type]
        value = getattr(config, item.name)
        is_path = item.metadata.get(PATH)
        if is_path is not None:
            setattr(changed, item.name, _changed(value, is_path, change))
        elif is_dataclass(value):
            setattr(changed, item.name, with_paths(value, change))
    return changed


def _changed(value: Any, is_path: Callable[[str], bool], change: Callable[[str], str]) -> Any:
    if isinstance(value, list):
        return [_changed(entry, is_path, change) for entry in value]
    if not isinstance(value, str) or not (is_path(value) or value.startswith("~")):
        return value
    return change(value)


def expanded(text: str) -> str:
    """A path with a leading `~` or `~user` expanded, where there is such a home."""
    return os.path.expanduser(text)


def absolute(text: str) -> str:
    """A path that means the same in any working folder; links in it stay links."""
    return os.path.abspath(os.path.expanduser(text))


def value_with_homes(value: str) -> str:
    """The value of an argument, `~/file` or `[~/a,~/b]`, with every `~` expanded.

    Hydra's grammar refuses a `~` that is not quoted, so this precedes it.
    """
    return LEADING_HOME.sub(lambda match: os.path.expanduser(match.group()), value)


def argument_with_home(argument: str) -> str:
    """An argument that is a path, or a flag `--run=PATH`, with its `~` expanded."""
    return LEADING_ARGUMENT.sub(lambda m: m[1] + os.path.expanduser(m[2]), argument)


def name_problem(name: str) -> str | None:
    """Why a text cannot be the name of one folder; None if it can."""
    if not name or name in (".", ".."):
        reason = "be the name of a folder"
    elif any(separator in name for separator in ("/", "\\", os.sep)):
        reason = "have no separator of paths"
    elif any(unicodedata.category(character) in UNPRINTABLE for character in name):
        reason = "have no control characters"
    elif len(os.fsencode(name)) > LONGEST_NAME:
        reason = f"have at most {LONGEST_NAME} bytes"
    else:
        return None
    return f"must {reason}, not {name!r}; choose a name of letters and digits"
