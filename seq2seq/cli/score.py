"""`seq2seq score`: log-probabilities of existing translations."""

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from seq2seq.bundle.locate import saved_config
from seq2seq.cli.command import with_options
from seq2seq.cli.lines import counted, line_progress, parallel_lines, standard_output
from seq2seq.cli.options import Device, Runs, Source, Target
from seq2seq.cli.unknown import report_unknown
from seq2seq.folder.logs import configure_logging

if TYPE_CHECKING:
    from seq2seq.evaluation.translation import Translation

logger = logging.getLogger(__name__)


def score(
    context: typer.Context, run: Runs, source: Source, target: Target, device: Device = "auto"
) -> None:
    """Score translations: log-probability, tokens and perplexity of each, separated by tabs.

    The logarithm is natural, tokens are subwords with the sentence end, and the perplexity is
    exp(-log-probability / tokens). The perplexity of the whole text goes to standard error.
    """
    decoding = with_options(context, "decoding", saved_config(run[0]).decoding)
    sides = parallel_lines(source, target)
    configure_logging()
    from seq2seq.bundle.model import load_model

    model = load_model(*run, device=device)
    model.decoding = decoding
    sums = Sums()
    with standard_output() as write, line_progress("scoring", len(sides[0])) as progress:
        for translation in model.score(*sides, progress=progress):
            write(sums.add(translation))
    sums.report()
    report_unknown(model, sides)


@dataclass
class Sums:
    """Sums over the scored lines."""

    lines: int = 0
    log_probability: float = 0.0
    tokens: int = 0
    cut: int = 0
    unknown: int = 0

    def add(self, translation: "Translation") -> str:
        """Add a scored line; returns its line of output."""
        from seq2seq.padding import UNK_ID

        length, value = len(translation.tokens) + 1, translation.log_probability
        self.lines += 1
        self.log_probability += value
        self.tokens += length
        self.cut += translation.cut
        self.unknown += translation.tokens.count(UNK_ID)
        return f"{value:.6f}\t{length}\t{perplexity(value, length):.4f}"

    def report(self) -> None:
        if self.tokens:
            logger.info(
                "%s, %s, log-probability %.4f",
                counted(self.lines, "line"),
                counted(self.tokens, "token"),
                self.log_probability,
            )
            logger.info("corpus perplexity %.4f", perplexity(self.log_probability, self.tokens))
        if self.cut:
            logger.warning(
                "%s longer than the model reads on either side, scored without the end",
                counted(self.cut, "line"),
            )
        if self.unknown:
            logger.warning(
                "%s <unk>, which flatters the perplexity",
                counted(self.unknown, "token is", "tokens are"),
            )


def perplexity(log_probability: float, tokens: int) -> float:
    """exp(-log_probability / tokens), infinite if it exceeds the largest float."""
    try:
        return math.exp(-log_probability / tokens)
    except OverflowError:
        return math.inf
