"""`seq2seq translate`: standard input or files to standard output, line by line."""

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seq2seq.bundle.locate import saved_config
from seq2seq.cli.command import with_options
from seq2seq.cli.lines import Lines, counted, line_progress, standard_output
from seq2seq.cli.options import Device, Runs
from seq2seq.cli.unknown import UnknownText
from seq2seq.decoding.config import DecodingConfig
from seq2seq.folder.logs import configure_logging

if TYPE_CHECKING:
    from seq2seq.evaluation.translation import Translation

logger = logging.getLogger(__name__)

FILES_HELP = "Text, one sentence a line; - or nothing is standard input."


def translate(
    context: typer.Context,
    run: Runs,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help=FILES_HELP)
    ] = None,
    device: Device = "auto",
) -> None:
    """Translate text, one sentence a line: n lines in, n lines out, in order.

    Options that are not set are those that the run was configured with. With decoding.n_best above
    1, lines are "number ||| translation ||| logP= log-probability ||| score". The batch size
    changes only the speed, and how many lines are read before the first translation is written;
    1 answers line by line.
    """
    decoding = with_options(context, "decoding", saved_config(run[0]).decoding)
    lines = Lines(files or [])
    configure_logging()
    translate_lines(run, lines, decoding, device)


def translate_lines(runs: list[Path], lines: Lines, decoding: DecodingConfig, device: str) -> None:
    """Load the models and write the translations of all lines."""
    from seq2seq.bundle.model import load_model

    model = load_model(*runs, device=device)
    model.decoding = decoding
    tally, unknown = Tally(), UnknownText(model.source_tokenizer)
    try:
        with standard_output() as write, line_progress("translating", lines.total) as progress:
            for translation in model.stream(lines, progress=progress):
                for text in formatted(translation, tally.lines, decoding.n_best):
                    write(text)
                tally.add(translation)
                unknown.add(translation.source)
    finally:
        tally.report()
        unknown.report()
    lines.finish()


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
