"""`seq2seq translate`: standard input or files to standard output, line by line."""

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seq2seq.bundle.locate import saved_config
from seq2seq.cli.lines import Lines, counted, line_progress, standard_output
from seq2seq.cli.options import BatchSize, Device, Runs, changed
from seq2seq.decoding.config import DecodingConfig, DecodingMethod, LengthPenalty
from seq2seq.run.logs import configure_logging

if TYPE_CHECKING:
    from seq2seq.evaluation.translate import Translation

logger = logging.getLogger(__name__)

FILES_HELP = "Text, one sentence a line; - or nothing is standard input."
N_BEST_HELP = 'More than 1 writes lines of "number ||| translation ||| logP= log-probability ||| score" instead.'


def option(help: str) -> Any:
    return typer.Option(help=help, show_default=False)


def translate(
    run: Runs,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help=FILES_HELP)
    ] = None,
    batch_size: BatchSize = None,
    beam_size: Annotated[
        int | None, option("Hypotheses kept for each sentence; 1 is greedy search.")
    ] = None,
    n_best: Annotated[int | None, option(N_BEST_HELP)] = None,
    length_penalty: Annotated[LengthPenalty | None, option("How lengths are compared.")] = None,
    alpha: Annotated[float | None, option("Strength of the length penalty.")] = None,
    min_length: Annotated[int | None, option("Fewest subwords.")] = None,
    max_length_ratio: Annotated[
        float | None, option("Most subwords, per subword of the source ...")
    ] = None,
    max_length_offset: Annotated[int | None, option("... and so many more.")] = None,
    method: Annotated[DecodingMethod | None, option("Beam search or sampling.")] = None,
    temperature: Annotated[float | None, option("Of sampling.")] = None,
    top_k: Annotated[int | None, option("Sample among so many tokens.")] = None,
    top_p: Annotated[
        float | None, option("Sample among tokens of this probability together.")
    ] = None,
    seed: Annotated[int | None, option("Of sampling.")] = None,
    device: Device = "auto",
) -> None:
    """Translate text, one sentence a line: n lines in, n lines out, in order, each as soon as its batches are done.

    Options that are not given are those that the run was configured with. The batch size changes nothing but speed
    and how many lines are read before the first translation comes out; 1 answers line by line.
    """
    given = {
        "batch_size": batch_size, "beam_size": beam_size, "n_best": n_best, "length_penalty": length_penalty,
        "alpha": alpha, "min_length": min_length, "max_length_ratio": max_length_ratio,
        "max_length_offset": max_length_offset, "method": method, "temperature": temperature, "top_k": top_k,
        "top_p": top_p, "seed": seed,
    }  # fmt: skip
    decoding: DecodingConfig = changed(saved_config(run[0]).decoding, "decoding", given)
    lines = Lines(files or [])
    configure_logging()
    translate_lines(run, lines, decoding, device)


def translate_lines(runs: list[Path], lines: Lines, decoding: DecodingConfig, device: str) -> None:
    """Load the models and write the translations of all lines."""
    from seq2seq.bundle.model import load_model

    model = load_model(*runs, device=device)
    model.decoding = decoding
    tally = Tally()
    try:
        with standard_output() as write, line_progress("translating", lines.total) as progress:
            for translation in model.stream(lines, progress=progress):
                for text in formatted(translation, tally.lines, decoding.n_best):
                    write(text)
                tally.add(translation)
    finally:
        tally.report()
    lines.finish()


def formatted(translation: "Translation", number: int, n_best: int) -> list[str]:
    """The translation alone, or the n best in the form that Moses has made usual, numbered from 0."""
    if n_best == 1:
        return [translation.text]
    return [
        f"{number} ||| {each.text} ||| logP= {each.log_probability:.6f} ||| {each.score:.6f}"
        for each in translation.n_best
    ]


@dataclass
class Tally:
    """What became of the lines: counted, so that nothing unusual passes unseen."""

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
        for number, what in (
            (self.empty, "empty, with an empty translation"),
            (self.cut, "longer than the model reads, translated without the end"),
            (self.unfinished, "with a translation that the greatest length cut off"),
        ):
            if number:
                logger.warning("  %s: %s", counted(number, "line"), what)
