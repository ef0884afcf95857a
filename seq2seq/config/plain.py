"""Configurations as plain data: what `config.yaml` and `run.json` hold.

Text is written as it is and read as it is. Nothing in it is ever resolved, so that `a${b}c` stays
that, and no value of this machine's environment reaches a file.
"""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import yaml

UNQUOTED = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)
LONGEST_LINE = 1_000_000  # characters, so that no text is folded
WORDS = {"true", "false", "yes", "no", "on", "off", "y", "n", "null", "none"}  # of YAML


class Dumper(yaml.SafeDumper):
    """Quotes every text that a reader of YAML could take for something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: Dumper, text: str) -> yaml.ScalarNode:
    is_word = UNQUOTED.fullmatch(text) and text.lower() not in WORDS
    style = None if is_word else '"' if not text.isprintable() or "'" in text else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Dumper.add_representer(str, _text)


def as_plain(value: Any) -> Any:
    """A configuration as mappings, lists, text, numbers and None; enums by their names."""
    if is_dataclass(value):
        return {item.name: as_plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, list | tuple):
        return [as_plain(entry) for entry in value]
    if isinstance(value, dict):
        return {key: as_plain(entry) for key, entry in value.items()}
    return value


def to_yaml(config: Any) -> str:
    """YAML of a configuration dataclass."""
    return yaml.dump(
        as_plain(config), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=LONGEST_LINE
    )


def differences(first: Any, second: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Paths of the options in which two configurations differ, with both values."""
    if is_dataclass(first) and type(first) is type(second):
        for item in fields(first):
            values = getattr(first, item.name), getattr(second, item.name)
            yield from differences(*values, f"{path}.{item.name}" if path else item.name)
    elif first != second:
        yield path, first, second


def with_values(plain: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """A plain configuration with values set by their paths, "trainer.max_steps"."""
    changed = dict(plain)
    for path, value in values.items():
        section, dot, below = path.partition(".")
        changed[section] = with_values(changed[section], {below: value}) if dot else value
    return changed
