"""Links for alignment supervision: of the corpus, of two trained runs, or of a statistical aligner.

Links that are made are stored beside the prepared corpus, in a folder named by a hash of everything
that they depend on, see `seq2seq.aligning.link_files`. The run's folder records the hash, so that a
resumed run trains on the same links.
"""

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seq2seq.aligning.link_files import LINK_FILES, SUBWORD_LINKS
from seq2seq.aligning.run_links import build_run_links, run_inputs
from seq2seq.aligning.text_links import build_text_links, text_inputs
from seq2seq.bounded import read_json
from seq2seq.config.alignment_rules import supervision_kind
from seq2seq.config.schema import RunConfig
from seq2seq.data.blocks import LIST_SUFFIX
from seq2seq.data.cache import ensure_folder
from seq2seq.data.column import open_columns
from seq2seq.data.corpus_files import damage, read_manifest
from seq2seq.data.prepare import PreparedCorpus
from seq2seq.errors import CheckpointError, DataError
from seq2seq.files import atomic_write
from seq2seq.processes import is_first_process
from seq2seq.training.supervision_config import SupervisionKind

logger = logging.getLogger(__name__)

RECORD = "guided_alignment.json"


@dataclass(frozen=True)
class LinkMaker:
    """A way to make links of the training text.

    Attributes:
        inputs: what they depend on beside the corpus.
        build: writes them into an empty folder.
        changed: what to say if the inputs are not those that a run began with.
    """

    inputs: Callable[[RunConfig], dict[str, Any]]
    build: Callable[[RunConfig, PreparedCorpus, Path], None]
    changed: str


LINK_MAKERS = {
    SupervisionKind.runs: LinkMaker(
        run_inputs, build_run_links, "the runs in alignment_supervision.runs have changed"
    ),
    SupervisionKind.statistical: LinkMaker(
        text_inputs,
        build_text_links,
        "alignment_supervision.extra_source or extra_target has changed, or the aligner",
    ),
}


def supervised_corpus(config: RunConfig, corpus: PreparedCorpus, folder: Path) -> PreparedCorpus:
    """The corpus with the links of the configuration. Safe to call from several processes.

    Args:
        folder: of the run.

    Raises:
        UserError: links cannot be made, nothing is linked, or a resumed run would get other links
            than before.
    """
    supervision, (kind, reason) = config.alignment_supervision, supervision_kind(config)
    if reason:
        logger.info("alignment_supervision=auto: off. %s", reason)
    if kind is SupervisionKind.none:
        return corpus
    if kind in LINK_MAKERS:
        path = made_links(config, corpus, folder / RECORD) / SUBWORD_LINKS
        links = open_columns(path)["links"]
        corpus = replace(corpus, train=replace(corpus.train, links=links))
    count = 0 if corpus.train.links is None else corpus.train.links.num_values // 2
    if count == 0:
        raise DataError(
            "alignment_supervision: the training pairs have no links; give other links or runs"
        )
    logger.info(
        "layer %s, head %s is supervised by %s links of subwords",
        supervision.layer,
        supervision.head,
        f"{count:,}",
    )
    return corpus


def made_links(config: RunConfig, corpus: PreparedCorpus, record: Path) -> Path:
    """The folder of the links, which are made unless they exist.

    Args:
        record: file that says which links the run trains on; written at its first start.
    """
    maker = LINK_MAKERS[supervision_kind(config)[0]]
    recorded = read_json(record) if record.is_file() else {}
    fingerprint = recorded.get("fingerprint") or links_fingerprint(config, corpus)
    folder = (
        Path(config.data.cache_dir)
        / "prepared"
        / f"{corpus.manifest['fingerprint']}-links-{fingerprint}"
    )

    def build(stage: Path) -> None:
        if links_fingerprint(config, corpus) != fingerprint:
            raise CheckpointError(links_lost(folder, maker.changed))
        maker.build(config, corpus, stage)

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
    """A hash of everything that the links depend on. Raises as the maker's `inputs`."""
    inputs = LINK_MAKERS[supervision_kind(config)[0]].inputs(config)
    facts = {**inputs, "corpus": corpus.manifest["fingerprint"]}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:20]
