"""`seq2seq check-data`: is this corpus what it should be, and what will training make of it?"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from seq2seq.cli.lines import counted
from seq2seq.data.config import DataConfig
from seq2seq.data.corpora import FilesConfig, SplitFiles
from seq2seq.errors import ConfigError, DataError, UserError
from seq2seq.folder.logs import configure_logging
from seq2seq.printable import printable

if TYPE_CHECKING:
    from seq2seq.data.scan import ScannedPart

MAX_SHOWN = 20
OPTIONS = "seq2seq.options"  # where the command's context holds the options of a run


class CheckDataCommand(TyperCommand):
    """A command whose arguments with an "=" and without dashes are options of a training run."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[OPTIONS] = [x for x in args if "=" in x and not x.startswith("-")]
        return super().parse_args(ctx, [x for x in args if x not in ctx.meta[OPTIONS]])


def check_data(
    context: typer.Context,
    source: Annotated[
        list[Path] | None, typer.Option(help="Sentences, one a line.", show_default=False)
    ] = None,
    target: Annotated[
        list[Path] | None, typer.Option(help="Their translations.", show_default=False)
    ] = None,
    path: Annotated[
        list[Path] | None,
        typer.Option(help="Both sides: TSV, JSONL, Parquet.", show_default=False),
    ] = None,
    links: Annotated[
        list[Path] | None,
        typer.Option(help="Word alignments (Pharaoh).", show_default=False),
    ] = None,
) -> None:
    """List what training would refuse or leave out; exit code 1 if it would refuse anything.

    Name the files of a corpus, each option several times for several files; or give the options of
    a training run, such as data=files data.train.source=FILE ..., to check all its splits and to
    try what preparing does: train the tokenizer, filter, encode.
    """
    configure_logging()
    named = {"source": source, "target": target, "path": path, "links": links}
    files = {name: list(map(str, paths)) for name, paths in named.items() if paths}
    options: list[str] = context.meta[OPTIONS]
    if bool(files) == bool(options):
        raise ConfigError(
            "give either --source and --target, or --path, or the options of a training run, such "
            "as data=files data.train.path=FILE"
        )
    if files:
        check_corpus(FilesConfig(train=SplitFiles(**files)))
    else:
        check_options(options)


def check_options(options: list[str]) -> None:
    """Check the corpus of a training run with these options. Raises as `check_corpus`."""
    from seq2seq.config.store import run_command

    def task(config: Any, folder: Path, overrides: list[str]) -> None:
        check_corpus(config.data, (config.model.max_source_length, config.model.max_target_length))

    with tempfile.TemporaryDirectory() as outputs:
        run_command("train", task, [*options, f"hydra.run.dir={outputs}/run"], relaunch=[])


def check_corpus(config: DataConfig, lengths: tuple[int, int] | None = None) -> None:
    """Print what is worth knowing about a corpus.

    Args:
        lengths: that the model reads; with them it is tried to prepare the corpus.

    Raises:
        DataError: there are problems; the message lists them.
    """
    from seq2seq.data.sources.base import file_problems, option_problems

    problems = option_problems(config) + file_problems(config, contents=False)
    if not problems and isinstance(config, FilesConfig):
        problems += scan_problems(config)
    if not problems and lengths is not None:
        problems += preparing_problems(config, lengths)
    if problems:
        shown = problems[:MAX_SHOWN]
        if len(problems) > MAX_SHOWN:
            shown.append(f"and {len(problems) - MAX_SHOWN:,} more")
        raise DataError("\n  ".join([counted(len(problems), "problem"), *shown]))
    print("no problems")


def scan_problems(config: FilesConfig) -> list[str]:
    """Read all files to their ends; print a line for each, and what their pairs are like."""
    from seq2seq.data.scan import scan_part
    from seq2seq.data.sources.files import FilesReader
    from seq2seq.data.sources.split_files import file_parts

    reader, problems = FilesReader(config), []
    for name, files in reader.splits():
        scanned = [scan_part(reader, part) for part in file_parts(files)]
        for part in scanned:
            for title, lines in zip(part.names, part.sides, strict=True):
                print(printable(summary(title, lines)))
        wrong = [problem for part in scanned for problem in part.problems]
        if not wrong:
            wrong += reader.item_problems(name, files)
        if not wrong:
            for fact in pair_facts(scanned):
                print(printable(fact))
        problems += wrong
    return problems


def summary(name: str, lines: Sequence[str | None]) -> str:
    words = {n: len(line.split()) for n, line in enumerate(lines, 1) if line is not None}
    facts = [counted(len(lines), "line")]
    if words:
        longest = max(words, key=words.__getitem__)
        facts.append(counted(list(words.values()).count(0), "empty line"))
        facts.append(f"{sum(words.values()) / len(words):.1f} words a line")
        facts.append(f"at most {words[longest]:,} (line {longest:,})")
    return f"{name}: {', '.join(facts)}"


def pair_facts(parts: Sequence["ScannedPart"]) -> Iterator[str]:
    """Pairs with an empty side, pairs that repeat an earlier one, and pairs of equal sides."""
    pairs, places = [], []
    for part in parts:
        for row, pair in enumerate(zip(*part.sides, strict=True), 1):
            pairs.append(pair)
            places.append(f"{part.names[0]}:{row}")
    empty = [n for n, pair in enumerate(pairs) if not all(text and text.strip() for text in pair)]
    equal = [n for n, (left, right) in enumerate(pairs) if left and left == right]
    repeated = len(pairs) - len(set(pairs))
    if empty:
        shown = ", ".join(places[n] for n in empty[:5])
        count = counted(len(empty), "pair has", "pairs have")
        yield f"{count} an empty side and would be left out of training, such as {shown}"
    if repeated:
        yield f"{counted(repeated, 'pair repeats', 'pairs repeat')} an earlier one"
    if equal:
        shown = ", ".join(places[n] for n in equal[:5])
        count = counted(len(equal), "pair is", "pairs are")
        yield f"{count} the same on both sides, such as {shown}"


def preparing_problems(config: DataConfig, lengths: tuple[int, int]) -> list[str]:
    """Prepare a corpus in a temporary folder; print what is left out and what is to be known."""
    from seq2seq.data.held_out import Places, ensure_validation_fits
    from seq2seq.data.prepare import prepare

    with tempfile.TemporaryDirectory() as folder:
        try:
            corpus = prepare(config, directory=Path(folder))
            ensure_validation_fits(config, corpus, *lengths)
        except UserError as error:
            return [str(error)]
        manifest, places = corpus.manifest, Places.of_corpus(config, corpus)
    print(f"pairs: {', '.join(f'{count:,} {name}' for name, count in manifest['pairs'].items())}")
    for reason, count in manifest["dropped"].items():
        if count:
            rows = manifest["dropped_examples"][reason]
            print(
                f"{counted(count, 'training pair', 'training pairs')} left out, {reason}: such as "
                f"{places.listed('train', 'source', rows)}"
            )
    for note in manifest["cautions"]:
        print(printable(f"note: {note}"))
    return []
