"""Files of text read to their end whatever is in them: every line that training would refuse."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from seq2seq.data.links import parse_training_links
from seq2seq.data.reader import parse_jsonl, parse_tsv, read_parquet
from seq2seq.data.sources.files import FilesReader
from seq2seq.data.sources.split_files import FilePart, format_of
from seq2seq.data.text_files import decode_line, open_text
from seq2seq.errors import DataError

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_REPORTS = 5.0  # seconds
TextRow = tuple[str, ...]  # the texts of a line
Parse = Callable[[str, str], TextRow]  # of a line and its place


@dataclass
class ScannedFile:
    """A file that was read to its end.

    Attributes:
        rows: None for a line that cannot be used.
        problems: of these lines, and of the file.
    """

    path: Path
    rows: list[TextRow | None] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def texts(self, column: int) -> list[str | None]:
        return [None if row is None else row[column] for row in self.rows]


@dataclass
class ScannedPart:
    """The files of a part of a split.

    Attributes:
        names: of source and target.
        sides: texts of source and target, None where a line cannot be used.
    """

    names: tuple[str, str]
    sides: tuple[list[str | None], list[str | None]]
    problems: list[str]


def scan_part(reader: FilesReader, part: FilePart) -> ScannedPart:
    """Read the files of a part, and compare their numbers of lines."""
    if part.has_columns:
        table = scan_table(reader, part.source)
        files, sides = [table], (table.texts(0), table.texts(1))
        names = f"{part.source} (source)", f"{part.source} (target)"
    else:
        files = [scan_lines(path, one_text) for path in (part.source, part.target)]
        sides, names = (files[0].texts(0), files[1].texts(0)), (str(part.source), str(part.target))
    if part.links is not None:
        files.append(scan_lines(part.links, one_text))
    problems = [problem for file in files for problem in file.problems]
    for file in files[1:]:
        if len(file.rows) != len(files[0].rows):
            problems.append(
                f"{files[0].path} has {len(files[0].rows):,} lines and {file.path} "
                f"{len(file.rows):,}; line n of both must be a pair"
            )
    if part.links is not None:
        problems += link_problems(files[-1], sides)
    return ScannedPart(names, sides, problems)


def scan_table(reader: FilesReader, path: Path) -> ScannedFile:
    """Read a file with both sides."""
    columns = reader.columns(path)
    match format_of(path):
        case ".tsv":
            numbers = int(columns[0]) - 1, int(columns[1]) - 1
            return scan_lines(path, lambda line, place: parse_tsv(line, place, *numbers))
        case ".jsonl":
            return scan_lines(path, lambda line, place: parse_jsonl(line, place, *columns))
    try:
        return ScannedFile(path, list(zip(*read_parquet(path, *columns), strict=True)))
    except DataError as error:
        return ScannedFile(path, [], [str(error)])


def one_text(line: str, place: str) -> TextRow:
    """A line as the one text that it is."""
    return (line,)


def scan_lines(path: Path, parse: Parse) -> ScannedFile:
    """Read a file line by line, and report progress when that takes long."""
    scanned, reported = ScannedFile(path), time.monotonic()
    try:
        with open_text(path) as file:
            for number, raw in enumerate(file.raw_lines(), 1):
                try:
                    line = decode_line(raw, file.name, number)
                    scanned.rows.append(parse(line, f"{file.name}:{number}"))
                except DataError as error:
                    scanned.rows.append(None)
                    scanned.problems.append(str(error))
                if number % 10_000 == 0 and time.monotonic() - reported > SECONDS_BETWEEN_REPORTS:
                    reported = time.monotonic()
                    logger.info("%s: %s lines", path, f"{number:,}")
    except DataError as error:
        scanned.problems.append(str(error))
    if not scanned.rows and not scanned.problems:
        scanned.problems.append(f"{path}: is empty; at least one line is needed")
    return scanned


def link_problems(
    links: ScannedFile, sides: tuple[list[str | None], list[str | None]]
) -> Iterator[str]:
    """Links that name words which their sentences do not have."""
    for number, (line, source, target) in enumerate(zip(links.texts(0), *sides, strict=False), 1):
        if line is None or source is None or target is None:
            continue
        try:
            counts = len(source.split()), len(target.split())
            parse_training_links(line, f"{links.path}:{number}", *counts)
        except DataError as error:
            yield str(error)
