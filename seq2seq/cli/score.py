"""`seq2seq score`: log-probabilities of existing translations."""

import logging
import math

import typer

from seq2seq.bundle.locate import saved_config
from seq2seq.cli.command import with_options
from seq2seq.cli.lines import counted, line_progress, parallel_lines, standard_output
from seq2seq.cli.options import Device, Runs, Source, Target
from seq2seq.run.logs import configure_logging

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
    from seq2seq.data.tokenizer import Tokenizer

    model = load_model(*run, device=device)
    model.decoding = decoding
    total, tokens, cut, unknown = 0.0, 0, 0, 0
    with standard_output() as write, line_progress("scoring", len(sides[0])) as progress:
        for translation in model.score(*sides, progress=progress):
            length = len(translation.tokens) + 1
            value = translation.log_probability
            write(f"{value:.6f}\t{length}\t{perplexity(value, length):.4f}")
            total += value
            tokens += length
            cut += translation.cut
            unknown += translation.tokens.count(Tokenizer.UNK_ID)
    if tokens:
        logger.info(
            "%s, %s, log-probability %.4f",
            counted(len(sides[0]), "line"),
            counted(tokens, "token"),
            total,
        )
        logger.info("corpus perplexity %.4f", perplexity(total, tokens))
    if cut:
        logger.warning(
            "%s longer than the model reads on either side, scored without the end",
            counted(cut, "line"),
        )
    if unknown:
        logger.warning(
            "%s <unk>, which flatters the perplexity", counted(unknown, "token is", "tokens are")
        )


def perplexity(log_probability: float, tokens: int) -> float:
    """exp(-log_probability / tokens), infinite if it exceeds the largest float."""
    try:
        return math.exp(-log_probability / tokens)
    except OverflowError:
        return math.inf
