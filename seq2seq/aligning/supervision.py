"""Links for guided alignment: two trained runs align the training text, and what they say is made one.

Each is read at the layer and heads at which the two agree most. What they link throughout the text is a lexicon, which
tells them in each sentence what they know from others.

The links lie beside the prepared corpus, in a folder named by a hash of everything they follow from: as word alignments
to read (`links.pharaoh`, a line a training pair) and as subwords to train on. A punctuation mark is a word of its own
there, so that a full stop is not taught to look at the word before it. The run's folder records which they are, so that
a resumed run trains on the very same.
"""

import hashlib
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seq2seq.aligning.bidirectional import BidirectionalAligner
from seq2seq.aligning.choose import choose_alignment
from seq2seq.alignment.links import format_links
from seq2seq.bundle.files import checked_facts
from seq2seq.bundle.locate import find_bundle
from seq2seq.bundle.model import Model, load_model
from seq2seq.config.schema import RunConfig
from seq2seq.data.column import open_columns, save_columns
from seq2seq.data.corpus_files import MANIFEST, damage, save_manifest
from seq2seq.data.links import subword_links
from seq2seq.data.prepare import PreparedCorpus, training_text
from seq2seq.data.storage import locked
from seq2seq.data.words import tokens_of_characters
from seq2seq.errors import CheckpointError, DataError
from seq2seq.files import atomic_path, atomic_write, write_lines
from seq2seq.processes import is_first_process
from seq2seq.training.config import SupervisionKind

logger = logging.getLogger(__name__)

CODE_VERSION = 3  # raise it when this package makes other links of the same runs and text
LINES = (
    1000  # spread over the training text, on which the layers and heads are chosen that agree most
)
RECORD = "guided_alignment.json"
WORDS, SUBWORDS = "links.pharaoh", "links.arrow"


def supervised_corpus(config: RunConfig, corpus: PreparedCorpus, folder: Path) -> PreparedCorpus:
    """The corpus with the links that the configuration asks for. Safe to call from several processes.

    Raises:
        UserError: the runs cannot be used, nothing is linked, or a resumed run would get other links than it had.
    """
    if config.alignment_supervision.kind is SupervisionKind.none:
        return corpus
    if config.alignment_supervision.kind is SupervisionKind.runs:
        path = links_of_runs(config, corpus, folder / RECORD) / SUBWORDS
        links = open_columns(path)["links"]
        corpus = replace(corpus, train=replace(corpus.train, links=links))
    count = 0 if corpus.train.links is None else len(corpus.train.links.values) // 2
    if count == 0:
        raise DataError(
            "alignment_supervision: the training pairs have no link to learn from; give other links or runs"
        )
    guide = config.alignment_supervision
    logger.info(
        "layer %s, head %s is taught %s links of subwords", guide.layer, guide.head, f"{count:,}"
    )
    return corpus


def links_of_runs(config: RunConfig, corpus: PreparedCorpus, record: Path) -> Path:
    """The folder of the links, made if it is not there yet."""
    used = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    fingerprint = used.get("fingerprint") or fingerprint_of(config, corpus)
    folder = (
        Path(config.data.cache_dir)
        / "prepared"
        / f"{corpus.manifest['fingerprint']}-links-{fingerprint}"
    )
    with locked(folder.with_name(f"{folder.name}.lock"), "aligning the same corpus"):
        if problem := damage(folder):
            if folder.exists():
                logger.warning("%s: %s; aligning the corpus again", folder, problem)
            if fingerprint_of(config, corpus) != fingerprint:
                raise CheckpointError(
                    other_links(folder, "the runs in alignment_supervision.runs have changed")
                )
            with atomic_path(folder) as stage:
                stage.mkdir()
                build(config, corpus, stage)
        digest = manifest_of(folder)["files"][SUBWORDS][1]
    if used and used["sha256"] != digest:
        raise CheckpointError(other_links(folder, "aligning again gave other links here"))
    if not used and is_first_process():
        atomic_write(
            record, json.dumps({"fingerprint": fingerprint, "sha256": digest}, indent=2).encode()
        )
    return folder


def other_links(folder: Path, reason: str) -> str:
    return (
        f"the links that this run trains on are gone from {folder}, and {reason}; bring that folder back, or start a "
        "new run"
    )


def fingerprint_of(config: RunConfig, corpus: PreparedCorpus) -> str:
    """A name for everything the links follow from: corpus, both models, what is read of them, and how they are joined.

    Raises:
        CheckpointError: a run is not finished, or damaged.
    """
    bundles = [find_bundle(Path(run)) for run in config.alignment_supervision.runs]
    for path in bundles:
        checked_facts(path)
    what = {
        "code": CODE_VERSION,
        "corpus": corpus.manifest["fingerprint"],
        "runs": [manifest_of(path)["sha256"] for path in bundles],
        "method": config.alignment_supervision.method.name,
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:20]


def build(config: RunConfig, corpus: PreparedCorpus, folder: Path) -> None:
    """Align the training text into an empty folder, the manifest last."""
    guide = config.alignment_supervision
    text = training_text(config.data, corpus)
    forward, reverse = models = [load_model(run) for run in guide.runs]
    warn_of_other_languages(config, forward, reverse)
    some = text.take(np.linspace(0, len(text) - 1, min(LINES, len(text))).astype(np.int64))
    choices = choose_alignment(*map(Path, guide.runs), text=some)
    for model, each in zip(models, choices, strict=True):
        model.alignment = each.choice.candidate.applied_to(model.alignment)
        logger.info("%s is read at %s", each.run, each.options()[1])
    aligner = BidirectionalAligner(forward, reverse, tokens_of_characters)
    weights, lexicon = aligner.learn_lexicon(
        text, every=config.trainer.progress_every, shown=is_first_process()
    )
    lines = [
        format_links(links) for links in aligner.links(text, weights, guide.method, lexicon=lexicon)
    ]
    count = sum(len(line.split()) for line in lines)
    if count == 0:
        raise DataError(
            f"alignment_supervision.runs: {' and '.join(guide.runs)} link no word alike; give other runs"
        )
    write_lines(folder / WORDS, lines)
    rows = np.arange(len(text))
    links = subword_links(replace(text, links=lines), rows, corpus.tokenizers, tokens_of_characters)
    save_columns(folder / SUBWORDS, {"links": links})
    save_manifest(
        folder,
        {"runs": guide.runs, "read": [each.options()[1] for each in choices], "links": count},
    )
    logger.info(
        "%s links of words and punctuation marks in %s pairs", f"{count:,}", f"{len(text):,}"
    )


def warn_of_other_languages(config: RunConfig, forward: Model, reverse: Model) -> None:
    """Names of languages may differ between corpora, so this cannot be an error."""
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


def manifest_of(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return facts
