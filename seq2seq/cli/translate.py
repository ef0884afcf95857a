"""`seq2seq translate`: standard input or files to standard output, line by line."""

import logging
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.bundle.locate import saved_config
from seq2seq.cli.command import config_options, overrides_of, with_options
from seq2seq.cli.lines import Lines, counted, line_progress, no_problem, standard_output
from seq2seq.cli.options import Device, Runs
from seq2seq.cli.unknown import UnknownText
from seq2seq.decoding.config import DecodingConfig
from seq2seq.errors import ConfigError
from seq2seq.evaluation.markup import MarkedLine, markup_problem, parse_markup
from seq2seq.evaluation.markup_projection import with_markup
from seq2seq.folder.logs import configure_logging

if TYPE_CHECKING:
    from seq2seq.evaluation.translation import Translation

logger = logging.getLogger(__name__)

FILES_HELP = "Text, one sentence a line; - or nothing is standard input."
MARKUP_HELP = "Carry inline tags, such as <b> or <br/>, to the translations, by word alignment."
LINK_NAMES = ("layer", "heads", "use_input_row", "measure", "method", "threshold", "null_links")
# Without flags: --method is that of decoding.
READING_OPTIONS = [
    replace(option, flags=())
    for option in config_options("alignment", AlignmentConfig, *LINK_NAMES)
]


def translate(
    context: typer.Context,
    run: Runs,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help=FILES_HELP)
    ] = None,
    markup: Annotated[bool, typer.Option("--markup", help=MARKUP_HELP)] = False,
    device: Device = "auto",
) -> None:
    """Translate text, one sentence a line: n lines in, n lines out, in order.

    Options that are not set are those that the run was configured with. With decoding.n_best above
    1, lines are "number ||| translation ||| logP= log-probability ||| score". The batch size
    changes only the speed, and how many lines are read before the first translation is written;
    1 answers line by line.
    """
    config = saved_config(run[0])
    decoding = with_options(context, "decoding", config.decoding)
    alignment = with_options(context, "alignment", config.alignment)
    ensure_markup_options(context, decoding, markup=markup)
    lines = Lines(files or [], markup_problem if markup else no_problem)
    configure_logging()
    translate_lines(run, lines, decoding, alignment if markup else None, device)


def ensure_markup_options(
    context: typer.Context, decoding: DecodingConfig, *, markup: bool
) -> None:
    """Refuse options that contradict --markup, and those that are read with it alone."""
    problems = [
        f"{item.partition('=')[0]}: is set but not read; choose --markup"
        for item in overrides_of(context)[0]
        if item.startswith("alignment.") and not markup
    ]
    if markup and decoding.n_best > 1:
        problems.append(
            f"decoding.n_best: must be 1 with --markup, which aligns the best translation, not "
            f"{decoding.n_best}; choose 1, or leave --markup out"
        )
    if problems:
        raise ConfigError(problems)


def translate_lines(
    runs: list[Path],
    lines: Lines,
    decoding: DecodingConfig,
    alignment: AlignmentConfig | None,
    device: str,
) -> None:
    """Load the models and write the translations of all lines.

    Args:
        alignment: of lines with mark-up; None if there is none.
    """
    from seq2seq.bundle.model import load_model

    model = load_model(*runs, device=device)
    model.decoding = decoding
    model.alignment = alignment or model.alignment
    marked = None if alignment is None else MarkedLines(lines)
    tally, unknown = Tally(), UnknownText(model.source_tokenizer)
    try:
        with standard_output() as write, line_progress("translating", lines.total) as progress:
            aligned = marked is not None
            for translation in model.stream(marked or lines, alignments=aligned, progress=progress):
                for text in formatted(translation, tally.lines, decoding.n_best):
                    write(text if marked is None else marked.restored(translation))
                tally.add(translation)
                unknown.add(translation.source)
    finally:
        tally.report()
        unknown.report()
    lines.finish()


class MarkedLines:
    """The text of lines, whose mark-up is kept until they are translated."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.waiting: deque[MarkedLine] = deque()

    def __iter__(self) -> Iterator[str]:
        for line in self.lines:
            self.waiting.append(parse_markup(line))
            yield self.waiting[-1].text

    def restored(self, translation: "Translation") -> str:
        """The translation of the first line that waits, with its mark-up."""
        assert translation.alignment is not None, "lines with mark-up are aligned"
        links = translation.alignment.links
        return with_markup(self.waiting.popleft(), translation.text, links)


def formatted(translation: "Translation", number: int, n_best: int) -> list[str]:
    """The output lines of a sentence: its translation, or its n best in the format of Moses."""
    if n_best == 1:
        return [translation.text]
    return [
        f"{number} ||| {candidate.text} ||| logP= {candidate.log_probability:.6f} ||| "
        f"{candidate.score:.6f}"
        for candidate in translation.n_best
    ]


@dataclass
class Tally:
    """Counts of lines, and of those whose translation is unusual."""

    lines: int = 0
    empty: int = 0
    cut: int = 0
    unfinished: int = 0
    started: float = field(default_factory=time.monotonic)

    def add(self, translation: "Translation") -> None:
        self.lines += 1
        self.empty += not translation.source.strip()
        self.cut += translation.cut
        self.unfinished += not translation.n_best[0].finished

    def report(self) -> None:
        seconds = time.monotonic() - self.started
        speed = self.lines / max(seconds, 1e-9)
        logger.info(
            "%s translated in %.1f s (%.0f a second)", counted(self.lines, "line"), seconds, speed
        )
        for number, description in (
            (self.empty, "empty, with an empty translation"),
            (self.cut, "longer than the model reads, translated without the end"),
            (self.unfinished, "with a translation cut off at the maximum length"),
        ):
            if number:
                logger.warning("  %s: %s", counted(number, "line"), description)
