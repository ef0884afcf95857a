"""Pairs in files: plain text, TSV, JSONL or Parquet.

The source side may list files instead, such as feature files (see `seq2seq.data.kinds`): the
lines, columns or fields are then their paths.
"""

from collections.abc import Iterator
from pathlib import Path

from seq2seq.data.compression import without_suffix
from seq2seq.data.corpora import FilesConfig, SplitFiles
from seq2seq.data.kinds.base import SOURCE_KINDS, SourceKind
from seq2seq.data.reader import (
    ensure_equal,
    parquet_columns,
    read_jsonl,
    read_parallel,
    read_parquet,
    read_tsv,
)
from seq2seq.data.sources.pairs import Pairs, RawCorpus
from seq2seq.data.sources.readers import CORPUS_READERS, CorpusReader
from seq2seq.data.storage import remembered_sha256
from seq2seq.data.text_files import count_lines, ensure_file, read_strict_lines
from seq2seq.errors import DataError, choices

FORMATS = (".tsv", ".jsonl", ".parquet")
SCAN_CHARACTERS = 50_000_000  # checked before training; about half a second


@CORPUS_READERS.register
class FilesReader(CorpusReader):
    name = "files"
    source_kinds = None

    def __init__(self, config: FilesConfig) -> None:
        self.config = config

    @property
    def kind(self) -> type[SourceKind]:
        return SOURCE_KINDS[self.config.source_kind]

    def splits(self) -> Iterator[tuple[str, SplitFiles]]:
        yield "train", self.config.train
        yield "validation", self.config.validation
        yield "test", self.config.test

    def file_problems(self) -> list[str]:
        return [
            problem for name, files in self.splits() for problem in self.split_problems(name, files)
        ]

    def split_problems(self, name: str, files: SplitFiles) -> list[str]:
        """Problems of one split that are known without reading text."""
        if problems := field_problems(name, files):
            return problems
        for side, path in named_paths(files):
            try:
                ensure_file(Path(path))
                if side == "path":
                    self.ensure_columns(Path(path))
            except DataError as error:
                problems.append(f"data.{name}.{side}: {error}")
        return problems

    def content_problems(self) -> list[str]:
        problems = []
        for name, files in self.splits():
            if not self.split_problems(name, files):
                problems += self.line_problems(name, files)
        return problems

    def line_problems(self, name: str, files: SplitFiles) -> list[str]:
        """Problems inside the files of a split: at most one a file, and one for their lengths."""
        problems: list[str] = []
        counts: dict[str, int | None] = {}
        for side, path in named_paths(files):
            try:
                counts[side] = count(Path(path))
            except DataError as error:
                problems.append(f"data.{name}.{side}: {error}")
        first = "path" if files.path else "source"
        expected = counts.get(first)
        for side, number in counts.items():
            if None not in (number, expected) and number != expected:
                problems.append(
                    f"data.{name}.{side}: has {number:,} lines, but data.{name}.{first} has "
                    f"{expected:,}; line n of both must be a pair, find the first line where they "
                    "diverge"
                )
        return problems or self.item_problems(name, files)

    def item_problems(self, name: str, files: SplitFiles) -> list[str]:
        """The first problem of the files that a split lists."""
        if self.config.source_kind == "text":
            return []
        try:
            self.load_split(files)
        except DataError as error:
            return [f"data.{name}: {error}"]
        return []

    def ensure_columns(self, path: Path) -> None:
        """Refuse columns that a file with both sides does not have."""
        columns = self.columns(path)
        if format_of(path) == ".parquet":
            names = parquet_columns(path)
            for column in columns:
                if column not in names:
                    raise DataError(f"{path}: has no column {column!r}; {choices(column, names)}")

    def columns(self, path: Path) -> tuple[str, str]:
        """The two columns to read from a file that has several."""
        is_tsv = format_of(path) == ".tsv"
        default = ("1", "2") if is_tsv else ("source", "target")
        pair = (self.config.source_column or default[0], self.config.target_column or default[1])
        if is_tsv and not all(column.isdecimal() and int(column) > 0 for column in pair):
            raise DataError(
                f"{path}: the columns of a TSV file are numbers from 1, not {pair[0]!r} and "
                f"{pair[1]!r}; set data.source_column and data.target_column"
            )
        return pair

    def files(self) -> list[Path]:
        return [Path(path) for _, files in self.splits() for _, path in named_paths(files)]

    def identity(self) -> str:
        parts = [f"files {self.config.source_column} {self.config.target_column}"]
        for name, files in self.splits():
            parts += [
                f"{name} {side} {format_of(Path(path))} {remembered_sha256(Path(path))}"
                for side, path in named_paths(files)
            ]
            if self.config.source_kind != "text":
                contents = map(self.kind.content, self.load_split(files).source)
                parts.append(f"{name} {self.config.source_kind} {' '.join(map(str, contents))}")
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
        listed = Path(files.path or files.source or "")
        items = self.kind.items(source, listed, max_length=self.config.max_source_length)
        if files.links is None:
            return Pairs(items, target)
        links = read_strict_lines(Path(files.links))
        ensure_equal(len(source), len(links), f"the text and {files.links}")
        return Pairs(items, target, links)

    def read_both(self, path: Path) -> tuple[list[str], list[str]]:
        columns = self.columns(path)
        if format_of(path) == ".tsv":
            return read_tsv(path, int(columns[0]) - 1, int(columns[1]) - 1)
        return (read_jsonl if format_of(path) == ".jsonl" else read_parquet)(path, *columns)


def field_problems(name: str, files: SplitFiles) -> list[str]:
    """Problems with the choice of files."""
    if files.path is not None and (files.source or files.target):
        return [
            f"data.{name}.path: holds both sides, so data.{name}.source and .target must be null; "
            "choose one way"
        ]
    if files.path is not None and format_of(Path(files.path)) not in FORMATS:
        suffix = format_of(Path(files.path)) or files.path
        return [
            f"data.{name}.path: must end in one of these, .gz, .bz2, .xz or .zst after it or not; "
            f"{choices(suffix, FORMATS)}"
        ]
    if files.path is None and (files.source is None) != (files.target is None):
        side = "source" if files.source is None else "target"
        return [
            f"data.{name}.{side}: must be set, because the other side is; give the file of its "
            "translations"
        ]
    if name == "train" and files.path is None and files.source is None:
        return [
            "data.train.source: must be set; give data.train.source and data.train.target, or "
            "data.train.path"
        ]
    if files.links is not None and files.path is None and files.source is None:
        return [
            f"data.{name}.links: has no text to align; give data.{name}.source and .target, or "
            ".path"
        ]
    return []


def named_paths(files: SplitFiles) -> Iterator[tuple[str, str]]:
    """Option and path of each file that a split names."""
    for side in ("source", "target", "path", "links"):
        path = getattr(files, side)
        if path is not None:
            yield side, path


def format_of(path: Path) -> str:
    """The extension that names a file's format, in lower case; that of a compression aside."""
    return without_suffix(path).suffix.lower()


def count(path: Path) -> int | None:
    """Lines of a text file, as far as they are checked before training; None of Parquet."""
    if format_of(path) == ".parquet":
        return None
    return count_lines(path, max_characters=SCAN_CHARACTERS)
