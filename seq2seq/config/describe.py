"""What a configuration's options mean, out of the docstrings of its dataclasses."""

import inspect
import re
import types
import typing
from enum import Enum
from typing import Any

ENTRY = re.compile(r"    (\w+(?:, \w+)*): (.*)")


def attribute_docs(kind: type) -> dict[str, str]:
    """The text of each entry of a class' "Attributes:", and of its bases', by attribute."""
    docs: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        docs |= _entries(base.__dict__.get("__doc__") or "")
    return docs


def _entries(docstring: str) -> dict[str, str]:
    _, _, section = inspect.cleandoc(docstring).partition("Attributes:\n")
    docs: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        if line and not line.startswith(" "):
            break
        if entry := ENTRY.fullmatch(line):
            names = entry[1].split(", ")
            docs |= dict.fromkeys(names, entry[2].strip())
        else:
            docs |= {name: f"{docs[name]} {line.strip()}".strip() for name in names}
    return docs


def type_of(kind: type, name: str) -> Any:
    """The type of an attribute, without the None that it may also hold."""
    hint = typing.get_type_hints(kind)[name]
    if isinstance(hint, types.UnionType):
        (hint,) = (part for part in hint.__args__ if part is not types.NoneType)
    return hint


def metavar(kind: type, name: str) -> str:
    """How a value of an attribute is written: "N", "X", "beam|sampling"."""
    hint = type_of(kind, name)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "|".join(member.name for member in hint)
    if typing.get_origin(hint) is list:
        return f"{metavar_of(typing.get_args(hint)[0])},..."
    return metavar_of(hint)


def metavar_of(hint: Any) -> str:
    return {bool: "true|false", int: "N", float: "X"}.get(hint, "TEXT")
