"""Files of the links that supervise alignment: for people, and for training.

`links.pharaoh` has word alignments, one line per training pair. Punctuation marks count as words
there, so that a full stop is not trained to look at the word before it. `links.arrow` has the same
between subwords.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from seq2seq.data.cache import MANIFEST, save_manifest
from seq2seq.data.column import save_columns
from seq2seq.data.links import subword_links
from seq2seq.data.prepare import PreparedCorpus
from seq2seq.data.sources.base import Pairs
from seq2seq.data.words import tokens_of_characters
from seq2seq.errors import DataError
from seq2seq.files import write_lines

logger = logging.getLogger(__name__)

WORD_LINKS, SUBWORD_LINKS = "links.pharaoh", "links.arrow"
LINK_FILES = (MANIFEST, WORD_LINKS, SUBWORD_LINKS)  # one with the list of its blocks


def save_links(
    folder: Path,
    corpus: PreparedCorpus,
    text: Pairs,
    lines: list[str],
    *,
    nulls: Sequence[Sequence[int]] | None = None,
    facts: Mapping[str, object],
    if_none: str,
) -> None:
    """Write links into an empty folder, the manifest last.

    Args:
        text: the training pairs.
        lines: of each pair its links in Pharaoh format, by the words of `tokens_of_characters`.
        nulls: of each pair the target words that translate nothing, if they are known.
        facts: for the manifest.
        if_none: the message of the error.

    Raises:
        DataError: there is no link.
    """
    count = sum(len(line.split()) for line in lines)
    if count == 0:
        raise DataError(if_none)
    write_lines(folder / WORD_LINKS, lines)
    links = subword_links(
        replace(text, links=lines),
        np.arange(len(text)),
        corpus.tokenizers,
        tokens_of_characters,
        nulls=nulls,
    )
    save_columns(folder / SUBWORD_LINKS, {"links": links})
    save_manifest(folder, {**facts, "links": count})
    logger.info(
        "%s links of words and punctuation marks in %s pairs", f"{count:,}", f"{len(text):,}"
    )
