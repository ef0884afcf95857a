"""Links for alignment supervision: two trained runs align the training text together.

One run is of each direction, and each is read at the layer and heads at which the two agree most.
A lexicon of what they link throughout the text corrects them in single sentences.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seq2seq.aligning.bidirectional import BidirectionalAligner
from seq2seq.aligning.choose import RunChoice, choose_alignment
from seq2seq.aligning.link_files import save_links
from seq2seq.alignment.config import Measure
from seq2seq.alignment.links import format_links
from seq2seq.bundle.files import checked_facts, manifest_of
from seq2seq.bundle.locate import find_bundle
from seq2seq.bundle.model import Model, load_model
from seq2seq.config.schema import RunConfig
from seq2seq.data.prepare import PreparedCorpus, training_text
from seq2seq.data.sources.base import Pairs
from seq2seq.data.words import tokens_of_characters
from seq2seq.processes import is_first_process

logger = logging.getLogger(__name__)

LINKS_VERSION = 3  # to be raised when the same runs and text would give other links
NUM_LINES = 1000  # of the training text, evenly spaced, on which layers and heads are chosen


def run_inputs(config: RunConfig) -> dict[str, Any]:
    """What the links depend on beside the corpus: code, both models, symmetrization.

    Raises:
        CheckpointError: a run is not finished, or damaged.
    """
    bundles = [find_bundle(Path(run)) for run in config.alignment_supervision.runs]
    for path in bundles:
        checked_facts(path)
    return {
        "code": LINKS_VERSION,
        "runs": [manifest_of(path)["sha256"] for path in bundles],
        "method": config.alignment_supervision.method.name,
    }


def build_run_links(config: RunConfig, corpus: PreparedCorpus, folder: Path) -> None:
    """Align the training text into an empty folder.

    Raises:
        DataError: the runs have no link in common.
    """
    supervision = config.alignment_supervision
    text = training_text(config.data, corpus)
    forward, reverse = (load_model(run) for run in supervision.runs)
    warn_of_other_languages(config, forward, reverse)
    choices = choose_heads((forward, reverse), supervision.runs, text)
    aligner = BidirectionalAligner(forward, reverse, tokens_of_characters)
    weights, lexicon = aligner.learn_lexicon(
        text, every=config.trainer.progress_every, shown=is_first_process()
    )
    lines = [
        format_links(links)
        for links in aligner.links(text, weights, supervision.method, lexicon=lexicon)
    ]
    facts = {
        "runs": supervision.runs,
        "read": [choice.options()[1] for choice in choices],
    }
    runs = " and ".join(supervision.runs)
    nothing = f"alignment_supervision.runs: {runs} have no link in common; give other runs"
    save_links(folder, corpus, text, lines, facts=facts, if_none=nothing)


def choose_heads(models: Sequence[Model], runs: Sequence[str], text: Pairs) -> list[RunChoice]:
    """Let both models be read at the layer and heads whose weights agree most on the text."""
    rows = np.linspace(0, len(text) - 1, min(NUM_LINES, len(text))).astype(np.int64)
    choices = choose_alignment(*map(Path, runs), text=text.take(rows), measure=Measure.weights)
    for model, choice in zip(models, choices, strict=True):
        model.alignment = choice.choice.candidate.applied_to(model.alignment)
        logger.info("%s is read at %s", choice.run, choice.options()[1])
    return choices


def warn_of_other_languages(config: RunConfig, forward: Model, reverse: Model) -> None:
    """Log runs of other languages: no error, since corpora name languages differently."""
    languages = config.data.languages()
    for name, model, expected in (
        ("FORWARD", forward, languages),
        ("REVERSE", reverse, languages[::-1]),
    ):
        if model.languages != expected:
            logger.warning(
                "alignment_supervision.runs: %s is %s -> %s, not %s -> %s",
                name,
                *model.languages,
                *expected,
            )
