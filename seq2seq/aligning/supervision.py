"""Links for alignment supervision: two trained runs align the training text together.

One run is of each direction, and each is read at the layer and heads at which the two agree most.
A lexicon of what they link throughout the text corrects them in single sentences.

The links are stored beside the prepared corpus, in a folder named by a hash of everything that they
depend on: as word alignments for people (`links.pharaoh`, one line per training pair) and as
subword links for training. Punctuation marks count as words there, so that a full stop is not
trained to look at the word before it. The run's folder records the hash, so that a resumed run
trains on the same links.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from seq2seq.aligning.bidirectional import BidirectionalAligner
from seq2seq.aligning.choose import RunChoice, choose_alignment
from seq2seq.alignment.links import format_links
from seq2seq.bounded import read_json
from seq2seq.bundle.files import checked_facts, manifest_of
from seq2seq.bundle.locate import find_bundle
from seq2seq.bundle.model import Model, load_model
from seq2seq.config.schema import RunConfig
from seq2seq.data.blocks import LIST_SUFFIX
from seq2seq.data.cache import MANIFEST, ensure_folder, save_manifest
from seq2seq.data.column import open_columns, save_columns
from seq2seq.data.corpus_files import damage, read_manifest
from seq2seq.data.links import subword_links
from seq2seq.data.prepare import PreparedCorpus, training_text
from seq2seq.data.sources.base import Pairs
from seq2seq.data.words import tokens_of_characters
from seq2seq.errors import CheckpointError, DataError
from seq2seq.files import atomic_write, write_lines
from seq2seq.processes import is_first_process
from seq2seq.training.supervision_config import SupervisionKind

logger = logging.getLogger(__name__)

LINKS_VERSION = 3  # to be raised when the same runs and text would give other links
NUM_LINES = 1000  # of the training text, evenly spaced, on which layers and heads are chosen
RECORD = "guided_alignment.json"
WORD_LINKS, SUBWORD_LINKS = "links.pharaoh", "links.arrow"
LINK_FILES = (MANIFEST, WORD_LINKS, SUBWORD_LINKS)  # one with the list of its blocks


def supervised_corpus(config: RunConfig, corpus: PreparedCorpus, folder: Path) -> PreparedCorpus:
    """The corpus with the links of the configuration. Safe to call from several processes.

    Args:
        folder: of the run.

    Raises:
        UserError: the runs cannot be used, nothing is linked, or a resumed run would get other
            links than before.
    """
    if config.alignment_supervision.kind is SupervisionKind.none:
        return corpus
    if config.alignment_supervision.kind is SupervisionKind.runs:
        path = links_of_runs(config, corpus, folder / RECORD) / SUBWORD_LINKS
        links = open_columns(path)["links"]
        corpus = replace(corpus, train=replace(corpus.train, links=links))
    count = 0 if corpus.train.links is None else corpus.train.links.num_values // 2
    if count == 0:
        raise DataError(
            "alignment_supervision: the training pairs have no links; give other links or runs"
        )
    supervision = config.alignment_supervision
    logger.info(
        "layer %s, head %s is supervised by %s links of subwords",
        supervision.layer,
        supervision.head,
        f"{count:,}",
    )
    return corpus


def links_of_runs(config: RunConfig, corpus: PreparedCorpus, record: Path) -> Path:
    """The folder of the links, which are made unless they exist.

    Args:
        record: file that says which links the run trains on; written at its first start.
    """
    recorded = read_json(record) if record.is_file() else {}
    fingerprint = recorded.get("fingerprint") or links_fingerprint(config, corpus)
    folder = (
        Path(config.data.cache_dir)
        / "prepared"
        / f"{corpus.manifest['fingerprint']}-links-{fingerprint}"
    )

    def build(stage: Path) -> None:
        if links_fingerprint(config, corpus) != fingerprint:
            raise CheckpointError(
                links_lost(folder, "the runs in alignment_supervision.runs have changed")
            )
        build_links(config, corpus, stage)

    ensure_folder(
        folder,
        build,
        damage=lambda folder: damage(folder, all_blocks=config.data.verify),
        is_written=lambda name: name.removesuffix(LIST_SUFFIX) in LINK_FILES,
        purpose="aligning the same corpus",
    )
    digest = read_manifest(folder)["files"][SUBWORD_LINKS][1]
    if recorded and recorded["sha256"] != digest:
        raise CheckpointError(links_lost(folder, "aligning again gave other links here"))
    if not recorded and is_first_process():
        atomic_write(
            record, json.dumps({"fingerprint": fingerprint, "sha256": digest}, indent=2).encode()
        )
    return folder


def links_lost(folder: Path, reason: str) -> str:
    """The message when a resumed run cannot get the links that it began with."""
    return (
        f"the links that this run trains on are gone from {folder}, and {reason}; "
        "bring that folder back, or start a new run"
    )


def links_fingerprint(config: RunConfig, corpus: PreparedCorpus) -> str:
    """A hash of everything that the links depend on: code, corpus, both models, symmetrization.

    Raises:
        CheckpointError: a run is not finished, or damaged.
    """
    bundles = [find_bundle(Path(run)) for run in config.alignment_supervision.runs]
    for path in bundles:
        checked_facts(path)
    inputs = {
        "code": LINKS_VERSION,
        "corpus": corpus.manifest["fingerprint"],
        "runs": [manifest_of(path)["sha256"] for path in bundles],
        "method": config.alignment_supervision.method.name,
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:20]


def build_links(config: RunConfig, corpus: PreparedCorpus, folder: Path) -> None:
    """Align the training text into an empty folder, the manifest last."""
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
    count = sum(len(line.split()) for line in lines)
    if count == 0:
        raise DataError(
            f"alignment_supervision.runs: {' and '.join(supervision.runs)} have no link in common; "
            "give other runs"
        )
    write_lines(folder / WORD_LINKS, lines)
    rows = np.arange(len(text))
    links = subword_links(replace(text, links=lines), rows, corpus.tokenizers, tokens_of_characters)
    save_columns(folder / SUBWORD_LINKS, {"links": links})
    save_manifest(
        folder,
        {
            "runs": supervision.runs,
            "read": [choice.options()[1] for choice in choices],
            "links": count,
        },
    )
    logger.info(
        "%s links of words and punctuation marks in %s pairs", f"{count:,}", f"{len(text):,}"
    )


def choose_heads(models: Sequence[Model], runs: Sequence[str], text: Pairs) -> list[RunChoice]:
    """Let both models be read at the layer and heads at which they agree most on the text."""
    rows = np.linspace(0, len(text) - 1, min(NUM_LINES, len(text))).astype(np.int64)
    choices = choose_alignment(*map(Path, runs), text=text.take(rows))
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
