"""Links for alignment supervision: a statistical aligner learns them from the training text.

It may read further text, which is not trained on: the lines that are to be aligned afterwards, as
users of statistical aligners do. Words are compared in lower case.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seq2seq.aligning.extra_text import extra_text
from seq2seq.aligning.link_files import save_links
from seq2seq.alignment.links import format_links
from seq2seq.alignment.statistical_links import TOTAL_ROUNDS, statistical_links
from seq2seq.config.schema import RunConfig
from seq2seq.data.prepare import PreparedCorpus, training_text
from seq2seq.data.storage import sha256_of
from seq2seq.data.words import split_text, tokens_of_characters
from seq2seq.processes import is_first_process
from seq2seq.progress import ProgressReport

ALIGNER_VERSION = 3  # to be raised when the same text would give other links


def text_inputs(config: RunConfig) -> dict[str, Any]:
    """What the links depend on beside the corpus: code, symmetrization, further text.

    Raises:
        DataError: the further text cannot be read.
    """
    supervision = config.alignment_supervision
    extra = [supervision.extra_source, supervision.extra_target]
    return {
        "aligner": ALIGNER_VERSION,
        "method": supervision.method.name,
        "extra": [sha256_of(Path(path)) for path in extra if path is not None],
    }


def build_text_links(config: RunConfig, corpus: PreparedCorpus, folder: Path) -> None:
    """Align the training text into an empty folder.

    Raises:
        DataError: nothing is linked, or the further text cannot be read.
    """
    supervision = config.alignment_supervision
    text = training_text(config.data, corpus)
    extra = extra_text(supervision)
    source, target = (
        [lower_words(line) for line in [*lines, *more]]
        for lines, more in zip((text.source, text.target), extra, strict=True)
    )
    with ProgressReport(
        "aligning",
        TOTAL_ROUNDS,
        every=config.trainer.progress_every,
        unit=" rounds",
        shown=is_first_process(),
    ) as report:
        pairs = statistical_links(source, target, supervision.method, progress=report.advance)
        pairs = pairs[: len(text)]
    save_links(
        folder,
        corpus,
        text,
        [format_links(frozenset(pair.links)) for pair in pairs],
        nulls=[pair.nulls for pair in pairs],
        facts={"aligner": ALIGNER_VERSION, "extra_pairs": len(extra[0])},
        if_none="alignment_supervision: the statistical aligner found no link in the training "
        "text; give more text, or choose alignment_supervision=none",
    )


def lower_words(line: str) -> Sequence[str]:
    """Words and punctuation marks of a line, in lower case."""
    return [word.lower() for word in split_text(line, tokens_of_characters)]
