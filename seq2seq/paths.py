"""Options that are paths: marked where they are declared, so that all are treated alike.

`~` is expanded in every one of them, and a run saves them absolute, so that it can be resumed from
any working folder.
"""

import copy
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

PATH = "path"  # key of the metadata of a field
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


def argument_with_home(argument: str) -> str:
    """An argument `option=~/file` or `option=[~/a,~/b]` with `~` expanded.

    Hydra's grammar refuses a `~` that is not quoted, so this precedes it.
    """
    option, equals, value = argument.partition("=")
    if not equals:
        return argument
    return f"{option}={LEADING_HOME.sub(_home, value)}"


LEADING_HOME = re.compile(r"(?:(?<=^)|(?<=\[)|(?<=,)|(?<=\s))~[\w.-]*(?=/|,|\]|$)")


def _home(match: re.Match[str]) -> str:
    return os.path.expanduser(match.group())
