"""The files of a split: what a configuration names, checked as far as it is known unread."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seq2seq.data.compression import without_suffix
from seq2seq.data.corpora import SplitFiles, paths_in
from seq2seq.errors import choices

FORMATS = (".tsv", ".jsonl", ".parquet")


@dataclass(frozen=True)
class FilePart:
    """Files whose lines are pairs. A split has one part, or several that follow one another.

    Attributes:
        source, target: of plain text; the same file if it holds both sides.
        links: word alignments of the pairs.
        has_columns: it is one file with both sides.
    """

    source: Path
    target: Path
    links: Path | None = None
    has_columns: bool = False


def file_parts(files: SplitFiles) -> list[FilePart]:
    """The parts of a split without `choice_problems`."""
    both = paths_in(files.path)
    sources, targets = both or paths_in(files.source), both or paths_in(files.target)
    linked: list[Path | None] = [Path(path) for path in paths_in(files.links)]
    linked = linked or [None] * len(sources)
    return [
        FilePart(Path(source), Path(target), links, bool(both))
        for source, target, links in zip(sources, targets, linked, strict=True)
    ]


def named_files(name: str, files: SplitFiles) -> Iterator[tuple[str, str, int, Path]]:
    """Option, side, number of the part and path of each file that a split names."""
    for side in ("source", "target", "path", "links"):
        value = getattr(files, side)
        for number, path in enumerate(paths_in(value)):
            index = f"[{number}]" if isinstance(value, list) else ""
            yield f"data.{name}.{side}{index}", side, number, Path(path)


def choice_problems(name: str, files: SplitFiles) -> list[str]:
    """Problems with the choice of files."""
    both, sources, targets = (paths_in(x) for x in (files.path, files.source, files.target))
    if both and (sources or targets):
        return [
            f"data.{name}.path: holds both sides, so data.{name}.source and .target must be null; "
            "choose one way"
        ]
    for path in both:
        if format_of(Path(path)) not in FORMATS:
            suffix = format_of(Path(path)) or path
            return [
                f"data.{name}.path: must end in one of these, with .gz, .bz2, .xz or .zst after it "
                f"or without, not {path}; {choices(suffix, FORMATS)}"
            ]
    if not both and bool(sources) != bool(targets):
        side = "target" if sources else "source"
        return [
            f"data.{name}.{side}: must be set, because the other side is; give the file of its "
            "translations"
        ]
    if not both and len(sources) != len(targets):
        return [
            f"data.{name}.target: must name as many files as data.{name}.source, "
            f"{len(sources)}, not {len(targets)}; file n of both must be translations"
        ]
    return [*missing_problems(name, files, len(both or sources))]


def missing_problems(name: str, files: SplitFiles, parts: int) -> Iterator[str]:
    """A training split without text, and word alignments that fit no text."""
    links = paths_in(files.links)
    if name == "train" and not parts:
        yield (
            "data.train.source: must be set; give data.train.source and data.train.target, or "
            "data.train.path"
        )
    elif links and not parts:
        yield (
            f"data.{name}.links: has no text to align; give data.{name}.source and .target, or "
            ".path"
        )
    elif links and len(links) != parts:
        yield (
            f"data.{name}.links: must name a file for each file of text, {parts}, not "
            f"{len(links)}; an empty line is a pair without links"
        )


def format_of(path: Path) -> str:
    """The extension that names a file's format, in lower case; that of a compression aside."""
    return without_suffix(path).suffix.lower()
