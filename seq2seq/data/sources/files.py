"""Pairs in files: plain text, TSV, JSONL or Parquet.

The source side may list files instead, such as feature files (see `seq2seq.data.kinds`): the
lines, columns or fields are then their paths.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from seq2seq.data.corpora import FilesConfig, SplitFiles
from seq2seq.data.kinds.base import SOURCE_KINDS, SourceKind
from seq2seq.data.known_text import recall, was_read
from seq2seq.data.reader import (
    ensure_equal,
    parquet_columns,
    parse_jsonl,
    parse_tsv,
    read_jsonl,
    read_parallel,
    read_parquet,
    read_tsv,
)
from seq2seq.data.sources.pairs import Pairs, RawCorpus
from seq2seq.data.sources.readers import CORPUS_READERS, CorpusReader
from seq2seq.data.sources.split_files import (
    FilePart,
    choice_problems,
    file_parts,
    format_of,
    named_files,
)
from seq2seq.data.storage import is_hashed, remembered_sha256
from seq2seq.data.text_files import count_lines, ensure_file, open_text, read_strict_lines
from seq2seq.errors import DataError, choices

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
        if any(files.problems()):
            return []  # they have been reported with those of other options
        if problems := choice_problems(name, files):
            return problems
        for option, side, _, path in named_files(name, files):
            try:
                ensure_file(path)
                if side == "path":
                    self.ensure_columns(path)
            except DataError as error:
                problems.append(f"{option}: {error}")
        return problems

    def content_problems(self) -> list[str]:
        splits = [*self.splits()]
        checked = [
            (name, files)
            for name, files in splits
            if not any(files.problems()) and not self.split_problems(name, files)
        ]
        if len(checked) == len(splits) and self.was_read():
            return []
        return [problem for name, files in checked for problem in self.line_problems(name, files)]

    def was_read(self) -> bool:
        """Whether all text was read before, without a fault, and has not changed since."""
        if self.config.verify or self.config.source_kind != "text":
            return False
        cache = Path(self.config.cache_dir)
        recall(cache)
        return all(map(is_hashed, self.files())) and was_read(cache, self.identity())

    def line_problems(self, name: str, files: SplitFiles) -> list[str]:
        """Problems inside the files of a split: at most one a file, and one for their lengths."""
        problems: list[str] = []
        parts = max(len(file_parts(files)), 1)
        counts: dict[int, tuple[str, int | None]] = {}  # option and lines of the first file of each
        for option, side, part, path in named_files(name, files):
            try:
                if side == "path":
                    self.ensure_first_row(path)
                lines = count(path, SCAN_CHARACTERS // parts)
            except DataError as error:
                problems.append(f"{option}: {error}")
                continue
            first, expected = counts.setdefault(part, (option, lines))
            if None not in (lines, expected) and lines != expected:
                problems.append(
                    f"{option}: has {lines:,} lines, but {first} has {expected:,}; line n of both "
                    "must be a pair, find the first line where they diverge"
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
        """Refuse columns that a Parquet file does not have, and names as columns of TSV."""
        columns = self.columns(path)
        if format_of(path) == ".parquet":
            names = parquet_columns(path)
            for column in columns:
                if column not in names:
                    raise DataError(f"{path}: has no column {column!r}; {choices(column, names)}")

    def ensure_first_row(self, path: Path) -> None:
        """Refuse a file with both sides whose first line has others than the columns to read."""
        columns = self.columns(path)
        if format_of(path) == ".parquet":
            return
        with open_text(path) as file:
            for line in islice(file.lines(), 1):
                if format_of(path) == ".tsv":
                    parse_tsv(line, f"{path}:1", *(int(column) - 1 for column in columns))
                else:
                    parse_jsonl(line, f"{path}:1", *columns)

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
        return [path for name, files in self.splits() for *_, path in named_files(name, files)]

    def place(self, split: str, side: str, row: int, part_sizes: Sequence[int]) -> str:
        parts = file_parts(getattr(self.config, split))
        for part, size in zip(parts, part_sizes or [row + 1], strict=False):
            if row < size:
                return f"{getattr(part, side)}:{row + 1}"
            row -= size
        raise AssertionError("the row is in one of the parts")

    def identity(self) -> str:
        parts = [f"files {self.config.source_column} {self.config.target_column}"]
        for name, files in self.splits():
            parts += [
                f"{name} {side} {format_of(path)} {remembered_sha256(path)}"
                for _, side, _, path in named_files(name, files)
            ]
            if self.config.source_kind != "text":
                contents = map(self.kind.content, self.load_split(files).source)
                parts.append(f"{name} {self.config.source_kind} {' '.join(map(str, contents))}")
        return "\n".join(parts)

    def load(self) -> RawCorpus:
        return RawCorpus(*(self.load_split(files) for _, files in self.splits()))

    def load_split(self, files: SplitFiles) -> Pairs:
        """The pairs of all parts of a split, one after the other."""
        return Pairs.joined([self.load_part(part) for part in file_parts(files)])

    def load_part(self, part: FilePart) -> Pairs:
        if part.has_columns:
            source, target = self.read_both(part.source)
        else:
            source, target = read_parallel(part.source, part.target)
        items = self.kind.items(source, part.source, max_length=self.config.max_source_length)
        if part.links is None:
            return Pairs(items, target)
        links = read_strict_lines(part.links)
        ensure_equal(len(source), len(links), f"the text and {part.links}")
        return Pairs(items, target, links)

    def read_both(self, path: Path) -> tuple[list[str], list[str]]:
        columns = self.columns(path)
        if format_of(path) == ".tsv":
            return read_tsv(path, int(columns[0]) - 1, int(columns[1]) - 1)
        return (read_jsonl if format_of(path) == ".jsonl" else read_parquet)(path, *columns)


def count(path: Path, max_characters: int) -> int | None:
    """Lines of a text file, as far as they are checked before training; None of Parquet."""
    if format_of(path) == ".parquet":
        return None
    return count_lines(path, max_characters=max_characters)
