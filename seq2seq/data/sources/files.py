"""Parallel text in the user's own files: plain text, TSV, JSONL or Parquet."""

from collections.abc import Iterator
from pathlib import Path

from seq2seq.data.config import FilesConfig, SplitFiles
from seq2seq.data.reader import (
    count_lines,
    parquet_columns,
    read_jsonl,
    read_lines,
    read_parallel,
    read_parquet,
    read_tsv,
    require_equal,
)
from seq2seq.data.sources.pairs import Pairs, RawCorpus
from seq2seq.data.sources.readers import CORPUS_READERS, CorpusReader
from seq2seq.data.storage import sha256_of
from seq2seq.errors import DataError, choices

KINDS = (".tsv", ".jsonl", ".parquet")
SCAN_CHARACTERS = 50_000_000  # how far into a file `check` reads; about half a second


@CORPUS_READERS.register
class FilesReader(CorpusReader):
    name = "files"

    def __init__(self, config: FilesConfig) -> None:
        self.config = config

    def splits(self) -> Iterator[tuple[str, SplitFiles]]:
        yield "train", self.config.train
        yield "validation", self.config.validation
        yield "test", self.config.test

    def check(self) -> list[str]:
        problems = []
        for name, files in self.splits():
            found = check_fields(name, files)
            problems += found or self.check_contents(name, files)
        return problems

    def check_contents(self, name: str, files: SplitFiles) -> list[str]:
        """What is wrong inside the files of one split: at most one problem a file, and one for their lengths."""
        problems: list[str] = []
        counts: dict[str, int | None] = {}
        for side, path in named_paths(files):
            try:
                counts[side] = self.check_file(Path(path)) if side == "path" else count(Path(path))
            except DataError as error:
                problems.append(f"data.{name}.{side}: {error}")
        first = "path" if files.path else "source"
        expected = counts.get(first)
        for side, found in counts.items():
            if None not in (found, expected) and found != expected:
                problems.append(
                    f"data.{name}.{side}: has {found:,} lines, but data.{name}.{first} has {expected:,}; "
                    "line n of one must belong to line n of the other, find where they part"
                )
        return problems

    def check_file(self, path: Path) -> int | None:
        """The number of rows of a file with both sides, if cheap to know. Raises DataError."""
        columns = self.columns(path)
        if kind_of(path) != ".parquet":
            return count(path)
        names = parquet_columns(path)
        for column in columns:
            if column not in names:
                raise DataError(f"{path}: has no column {column!r}; {choices(column, names)}")
        return None

    def columns(self, path: Path) -> tuple[str, str]:
        """The two columns to read from a file that has several."""
        default = ("1", "2") if kind_of(path) == ".tsv" else ("source", "target")
        pair = (self.config.source_column or default[0], self.config.target_column or default[1])
        if kind_of(path) == ".tsv" and not all(
            column.isdecimal() and int(column) > 0 for column in pair
        ):
            raise DataError(
                f"{path}: the columns of a TSV file are numbers from 1, not {pair[0]!r} and {pair[1]!r}; set "
                "data.source_column and data.target_column"
            )
        return pair

    def identity(self) -> str:
        parts = [f"files {self.config.source_column} {self.config.target_column}"]
        for name, files in self.splits():
            parts += [
                f"{name} {side} {kind_of(Path(path))} {sha256_of(Path(path))}"
                for side, path in named_paths(files)
            ]
        return "\n".join(parts)

    def load(self) -> RawCorpus:
        return RawCorpus(*(self.load_split(files) for _, files in self.splits()))

    def load_split(self, files: SplitFiles) -> Pairs:
        if files.path is not None:
            source, target = self.read_both(Path(files.path))
        elif files.source is not None and files.target is not None:
            source, target = read_parallel(Path(files.source), Path(files.target))
        else:
            return Pairs()
        if files.links is None:
            return Pairs(source, target)
        links = read_lines(Path(files.links))
        require_equal(len(source), len(links), f"the text and {files.links}")
        return Pairs(source, target, links)

    def read_both(self, path: Path) -> tuple[list[str], list[str]]:
        columns = self.columns(path)
        if kind_of(path) == ".tsv":
            return read_tsv(path, int(columns[0]) - 1, int(columns[1]) - 1)
        return (read_jsonl if kind_of(path) == ".jsonl" else read_parquet)(path, *columns)


def check_fields(name: str, files: SplitFiles) -> list[str]:
    """What is wrong with which files are named."""
    if files.path is not None and (files.source or files.target):
        return [
            f"data.{name}.path: holds both sides, so data.{name}.source and .target must be null; choose one way"
        ]
    if files.path is not None and kind_of(Path(files.path)) not in KINDS:
        kind = kind_of(Path(files.path)) or files.path
        return [
            f"data.{name}.path: must end in one of these, .gz after it or not; {choices(kind, KINDS)}"
        ]
    if files.path is None and (files.source is None) != (files.target is None):
        side = "source" if files.source is None else "target"
        return [
            f"data.{name}.{side}: must be set, because the other side is; give the file of its translations"
        ]
    if name == "train" and files.path is None and files.source is None:
        return [
            "data.train.source: must be set; give data.train.source and data.train.target, or data.train.path"
        ]
    if files.links is not None and files.path is None and files.source is None:
        return [
            f"data.{name}.links: has no text to align; give data.{name}.source and .target, or .path"
        ]
    return []


def named_paths(files: SplitFiles) -> Iterator[tuple[str, str]]:
    for side, path in (
        ("source", files.source),
        ("target", files.target),
        ("path", files.path),
        ("links", files.links),
    ):
        if path is not None:
            yield side, path


def kind_of(path: Path) -> str:
    """The extension that says how a file is laid out, .gz left aside."""
    return path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix


def count(path: Path) -> int | None:
    return count_lines(path, max_characters=SCAN_CHARACTERS)
