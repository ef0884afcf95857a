"""Several segmentations of a source, of which the one with the best-scored translation counts.

Models that were trained with BPE-dropout read any segmentation. Takase et al. 2022
(arXiv:2203.13528) average the predictions of several; here each is translated by itself.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from seq2seq.data.bpe_dropout import BpeDropout
from seq2seq.data.column import Column, offsets_of
from seq2seq.data.config import WORD_START
from seq2seq.data.draws import keys_of
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.data.words import NO_WORD
from seq2seq.decoding.config import DecodingConfig
from seq2seq.errors import ConfigError
from seq2seq.evaluation.encoded_line import EncodedLine
from seq2seq.evaluation.translation import Translation


class Candidate(NamedTuple):
    """A segmentation of a source, with the number of its line."""

    line: int
    source: EncodedLine


class Segmentations:
    """Segments sources as the tokenizer does, and by BPE-dropout where options ask for more.

    What is drawn for a source is a function of its subwords alone, so its translation does not
    depend on other sources.

    Args:
        limit: subwords that the model reads; no segmentation has more.

    Raises:
        ConfigError: more segmentations are asked for than the tokenizer has.
    """

    def __init__(self, tokenizers: Tokenizers, config: DecodingConfig, limit: int) -> None:
        self._count, self._limit = config.segmentations, limit
        self._dropout: BpeDropout | None = None
        if config.segmentations > 1:
            try:
                tokenizer = tokenizers.of_text()[0]
                self._dropout = BpeDropout(tokenizer, config.segmentation_dropout)
            except ConfigError as error:
                raise ConfigError(
                    "decoding.segmentations: must be 1 for sources whose subwords are not made by "
                    f"merges within words, not {config.segmentations}; choose 1, or a run with "
                    "data.tokenizer.kind=bpe"
                ) from error
            subwords = tokenizer.subwords(range(tokenizer.vocab_size))
            self._is_space = np.array([not word.strip(WORD_START) for word in subwords])

    def candidates(self, sources: Sequence[EncodedLine], lines: Sequence[int]) -> list[Candidate]:
        """The sources of these lines, and then their other segmentations, none of them twice."""
        candidates = [Candidate(line, sources[line]) for line in lines]
        if self._dropout is None:
            return candidates
        drawn = [self._drawn(self._dropout, candidates, n) for n in range(1, self._count)]
        for (line, source), *others in list(zip(candidates, *drawn, strict=True)):
            distinct = dict.fromkeys(others)
            distinct.pop(tuple(source.units), None)
            for ids in map(list, distinct):
                words = self._words(self._dropout, source, ids)
                candidates.append(Candidate(line, EncodedLine(ids, words, source.cut)))
        return candidates

    def _drawn(
        self, dropout: BpeDropout, candidates: Sequence[Candidate], number: int
    ) -> Iterator[tuple[int, ...]]:
        """One segmentation of each."""
        column = Column.of([source.units for _, source in candidates])
        contents = (hashlib.sha256(column.row(row).tobytes()) for row in range(len(column)))
        hashes = [int.from_bytes(x.digest()[:7], "little") for x in contents]
        keys = keys_of(np.array(hashes, np.int64), number)
        segmented = dropout.segmented(column, keys, max_length=self._limit)
        return (tuple(segmented.row(row).tolist()) for row in range(len(segmented)))

    def _words(self, dropout: BpeDropout, source: EncodedLine, ids: Sequence[int]) -> list[int]:
        """The word of each id of another segmentation, by the symbols that both consist of."""
        num_symbols = dropout.num_symbols
        word_of_symbol = np.repeat(source.words, num_symbols[source.units])
        begins = offsets_of(num_symbols[ids])[:-1]
        words = np.maximum.reduceat(word_of_symbol, begins)
        numbers: list[int] = np.where(self._is_space[ids], NO_WORD, words).tolist()
        return numbers


def keep_best(
    translations: list[Translation],
    candidates: Sequence[Candidate],
    results: Mapping[int, Translation],
) -> None:
    """Put the best-scored translation of each line, among equal ones the first, in its place.

    Args:
        results: by the number of the candidate.
    """
    seen: set[int] = set()
    for number, (line, _) in enumerate(candidates):
        if line not in seen or results[number].score > translations[line].score:
            translations[line] = results[number]
        seen.add(line)
