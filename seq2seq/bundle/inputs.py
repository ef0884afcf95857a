"""What callers of the Python interface hand over, checked: folders, sentences, prefixes."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from seq2seq.data.kinds.base import Item, SourceKind
from seq2seq.data.kinds.text import TextSource
from seq2seq.data.tokenizer import Tokenizer
from seq2seq.errors import ConfigError, DataError
from seq2seq.evaluation.markup import MarkedLine, MarkupError, parse_markup


def checked_folder(folder: Any) -> Path:
    """The path of a run. Raises ConfigError for anything else than a path."""
    if not isinstance(folder, str | os.PathLike) or isinstance(os.fspath(folder), bytes):
        raise ConfigError(
            f"folder: must be the path of a run or bundle, not {type(folder).__name__}; give a "
            "string or a Path"
        )
    return Path(folder)


def checked_sources(lines: Any, name: str, kind: SourceKind) -> Iterator[Item]:
    """Sources as they are read; sources of another kind than text are checked by the kind.

    Raises:
        DataError: they are no list, or one is no sentence; the message has its number.
    """
    ensure_many(lines, name)
    return checked_lines(lines, name) if isinstance(kind, TextSource) else iter(lines)


def checked_lines(lines: Any, name: str) -> Iterator[str]:
    """Sentences as they are read; raises as `checked_sources`."""
    ensure_many(lines, name)
    return (checked_line(line, name, number) for number, line in enumerate(lines, 1))


def checked_markup(lines: Any, name: str) -> Iterator[MarkedLine]:
    """Sentences without their mark-up, as they are read.

    Raises:
        DataError: as `checked_lines`, or the mark-up of a line is none.
    """
    for number, line in enumerate(checked_lines(lines, name), 1):
        try:
            yield parse_markup(line)
        except MarkupError as error:
            raise DataError(f"{name}: line {number:,}: {error}") from None


def ensure_many(lines: Any, name: str) -> None:
    """Refuse what is no list of sentences, one string among them."""
    if isinstance(lines, str | bytes):
        raise DataError(f"{name}: must be a list of sentences, not one string; write [sentence]")
    if not isinstance(lines, Iterable):
        raise DataError(
            f"{name}: must be a list of sentences, not {type(lines).__name__}; write [sentence]"
        )


def checked_line(line: Any, name: str, number: int) -> str:
    """A sentence: a string in one line that is Unicode text."""
    if not isinstance(line, str):
        hint = "decode it" if isinstance(line, bytes) else "leave it out, or give a string"
        raise DataError(
            f"{name}: line {number:,} must be a string, not {type(line).__name__} ({line!r:.40}); "
            f"{hint}"
        )
    if "\n" in line:
        raise DataError(
            f"{name}: line {number:,} has a line break; give one line a sentence, without its end"
        )
    try:
        line.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{name}: line {number:,} has half a surrogate pair at character {error.start + 1}, "
            "which is no text; decode the text again"
        ) from error
    return line


def ensure_count(name: str, lines: Sequence[Any], count: int) -> None:
    """Refuse a list that does not have one line for each of `count` sentences."""
    if len(lines) != count:
        raise DataError(
            f"{name}: must have one line for each of the {count:,} sentences, not {len(lines):,}; "
            "give as many"
        )


def checked_prefixes(
    prefixes: Any, sources: Sequence[Item], kind: SourceKind, target: Tokenizer
) -> list[str]:
    """A prefix for each source, none of which would be lost.

    Raises:
        DataError: as `checked_lines` and `ensure_count`; characters are not in the vocabulary; or
            a source is empty, which has an empty translation.
    """
    lines = list(checked_lines(prefixes, "prefixes"))
    ensure_count("prefixes", lines, len(sources))
    for number, (prefix, source) in enumerate(zip(lines, sources, strict=True), 1):
        if unknown := target.unknown_characters(prefix):
            raise DataError(
                f"prefixes: line {number:,} must be in the vocabulary, but {unknown!r} is not, and "
                "would be lost; leave it out"
            )
        if prefix.strip() and kind.is_empty(source):
            raise DataError(
                f"prefixes: line {number:,} must be empty, as its sentence is, which has an empty "
                "translation; leave the prefix out"
            )
    return lines
