"""Files of strangers, read as plain data within bounds.

A file may be a link to an endless device, larger than the memory, nested until a parser fails, or
written so that a few references stand for billions of values. Each reader here refuses that before
it costs more than a moment. A YAML file holds no classes, and nothing in it stands for something
else: `${...}` is text.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

MAX_JSON = 4 << 20  # bytes: a manifest of 20,000 files
MAX_YAML = 1 << 18  # bytes: a configuration with options for 1,000 layers
MAX_DEPTH = 50  # mappings and lists in one another
MAX_VALUES = 20_000  # keys and values of a YAML file
MAX_SCALAR = 10_000  # characters of a value
FLOAT = re.compile(
    r"""^(?:
     [-+]?[0-9]+(?:_[0-9]+)*\.[0-9_]*(?:[eE][-+]?[0-9]+)?
    |[-+]?[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+)
    |\.[0-9]+(?:_[0-9]+)*(?:[eE][-+][0-9]+)?
    |[-+]?[0-9]+(?:_[0-9]+)*(?::[0-5]?[0-9])+\.[0-9_]*
    |[-+]?\.(?:inf|Inf|INF)
    |\.(?:nan|NaN|NAN))$""",
    re.X,
)  # what OmegaConf reads as a number, 1e-4 for instance, in which PyYAML wants a point
FAST_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_bounded(path: Path, limit: int) -> bytes:
    """The bytes of a regular file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no regular file, or has more bytes than the limit.
    """
    if path.exists() and not path.is_file():
        raise ValueError("it must be a regular file")
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise ValueError(f"it must have at most {limit:,} bytes, not {size:,}")
        return file.read()


def read_json(path: Path, limit: int = MAX_JSON) -> Any:
    """The value of a JSON file in UTF-8.

    Raises:
        OSError, ValueError: as `read_bounded`, or it is not JSON, repeats a key or is nested too
            deeply.
    """
    return parse_json(read_bounded(path, limit).decode("utf-8"))


def parse_json(text: str) -> Any:
    """The value of JSON text. Raises ValueError as `read_json`."""
    try:
        return json.loads(text, object_pairs_hook=_without_repeated_keys)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_yaml(path: Path, limit: int = MAX_YAML) -> Any:
    """The value of a YAML file in UTF-8: mappings, lists, text, numbers, truth values and null.

    Raises:
        OSError, ValueError: as `read_bounded`, or it is not YAML, repeats a key, has an alias
            or a tag, or longer, more, or more deeply nested values than the bounds above.
    """
    return parse_yaml(read_bounded(path, limit).decode("utf-8"))


def parse_yaml(text: str) -> Any:
    """The value of YAML text. Raises ValueError as `read_yaml`."""
    try:
        _ensure_bounded(text)
        return yaml.load(text, Loader=_PlainLoader)
    except (yaml.YAMLError, TypeError, OverflowError) as error:
        raise ValueError(f"it must be plain YAML: {_one_line(error)}") from error


def physical_memory() -> int:
    """Bytes of memory that this machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


class _PlainLoader(FAST_LOADER):  # type: ignore[misc, valid-type]
    """YAML as OmegaConf reads it: dates are text, and a key stands once."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        names = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        for name, count in names.most_common(1):
            if count > 1:
                raise yaml.constructor.ConstructorError(problem=f"the key {name!r} stands twice")
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return mapping


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_PlainLoader.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT, list("-+0123456789."))


def _ensure_bounded(text: str) -> None:
    """Refuse YAML that would cost more than a moment to build. Raises ValueError."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=FAST_LOADER)):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError(f"it must have no aliases, such as *{event.anchor}")
        if tag := getattr(event, "tag", None):
            raise ValueError(f"it must have no tags, such as {tag!r}")
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > MAX_SCALAR:
            raise ValueError(f"its values must have at most {MAX_SCALAR:,} characters")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ValueError(f"it must have at most {MAX_DEPTH} values in one another")
        if count > MAX_VALUES:
            raise ValueError(f"it must have at most {MAX_VALUES:,} keys and values")


def _without_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key stands twice")
    return values


def _one_line(error: Exception) -> str:
    """What is wrong, and the line, counted from 1, where the parser knows it."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return " ".join(str(error).split())
