"""SentencePiece models under the special ids of this project, whatever ids their own specials have.

Models of other projects have <unk>, <pad>, <s> and </s> elsewhere, or some of them not at all. Here
those are always 0 to 3, and the other subwords follow in the order of the model. SentencePiece
produces no <pad>, <s> or </s> for text, so nothing of a model is lost or changed by that.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import sentencepiece

from seq2seq.data.config import SPECIAL_TOKENS, WORD_START, TokenizerKind
from seq2seq.data.sentencepiece_model import facts_of, model_problem
from seq2seq.errors import DataError
from seq2seq.processes import available_cores

MAX_MODEL_BYTES = 1 << 26  # that of a million subwords has 20 MB


def read_model(path: Path) -> bytes:
    """A serialised model. Raises DataError: there is none of this name."""
    if not path.is_file():
        raise DataError(
            f"{path}: no such tokenizer model; give the path of a SentencePiece .model file"
        )
    if path.stat().st_size > MAX_MODEL_BYTES:
        raise DataError(f"{path}: is too large to be a SentencePiece model; name the .model file")
    return path.read_bytes()


class Processor:
    """A SentencePiece model.

    Args:
        model: serialised.
        name: of the model in error messages.

    Attributes:
        vocab_size: subwords, specials included, those that the model itself lacks as well.
        numbered_alike: the ids are those of the model.
        kind: how the model was trained.
        user_defined: ids of subwords that text is never split within.
        by_words: a sentence is encoded as its words between spaces are, one after the other, but
            for <unk> after <unk>, which is left out.

    Raises:
        DataError: this is no SentencePiece model, or not a whole one.
    """

    def __init__(self, model: bytes, *, name: str) -> None:
        if problem := model_problem(model):
            raise DataError(f"{name}: {problem}; make or copy it again")
        try:
            self._model = sentencepiece.SentencePieceProcessor(model_proto=model)
        except RuntimeError as error:
            raise DataError(
                f"{name}: is not a SentencePiece model, or damaged; make or copy it again"
            ) from error
        self._facts = facts = facts_of(model)
        if not facts.whole:
            raise DataError(f"{name}: is cut off; make or copy it again")
        size = self._model.vocab_size()
        specials = (
            self._model.unk_id(),
            self._model.pad_id(),
            self._model.bos_id(),
            self._model.eos_id(),
        )
        ordinary = [index for index in range(size) if index not in specials]
        self._theirs = [*specials, *ordinary]  # -1 for a special that the model lacks
        self._ours = [SPECIAL_TOKENS.index("<unk>")] * size
        for ours, theirs in enumerate(self._theirs):
            if theirs >= 0:
                self._ours[theirs] = ours
        self.vocab_size = len(self._theirs)
        self.numbered_alike = self._theirs == list(range(size))
        self.kind = TokenizerKind(facts.kind)
        self.user_defined = frozenset(self._ours[index] for index in facts.user_defined)

    @cached_property
    def by_words(self) -> bool:
        if self.kind is TokenizerKind.unigram:
            return False  # sums of logarithms over a sentence are rounded otherwise
        if self._facts.space_as_suffix or not self._facts.changes_spaces_only():
            return False
        rest = [self.subword(index)[1:] for index in range(self.vocab_size)]
        return not any(WORD_START in part or " " in part for part in rest)

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._model.encode(text)
        return self._renumbered(ids)

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        rows: list[list[int]] = self._model.encode(list(texts), num_threads=available_cores())
        return rows if self.numbered_alike else [self._renumbered(row) for row in rows]

    def encode_offsets(self, text: str) -> tuple[list[int], list[str], list[tuple[int, int]]]:
        """Ids, subwords, and where each begins and ends in the text."""
        encoding = self._model.encode(text, out_type="offset_mapping")
        return self._renumbered(encoding["ids"]), encoding["pieces"], encoding["offsets"]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids that are no specials."""
        text: str = self._model.decode([self._theirs[index] for index in ids])
        return text

    def decode_batch(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """The text of each row, in a fraction of the time of single calls."""
        if not rows:
            return []
        theirs = [[self._theirs[index] for index in row] for row in rows]
        texts: list[str] = self._model.decode(theirs, num_threads=1)
        return texts

    def decode_offsets(self, ids: Sequence[int]) -> tuple[str, list[tuple[int, int]]]:
        """The same, and where the text of each id begins and ends."""
        decoding: dict[str, Any] = self._model.decode(
            [self._theirs[index] for index in ids], out_type="offset_mapping"
        )
        return decoding["text"], decoding["offsets"]

    def subword(self, index: int) -> str:
        theirs = self._theirs[index]
        if theirs < 0:
            return SPECIAL_TOKENS[index]
        subword: str = self._model.id_to_piece(theirs)
        return subword

    def log_probability(self, index: int) -> float:
        """Of a subword in a unigram model; what orders merges in others."""
        theirs = self._theirs[index]
        return 0.0 if theirs < 0 else float(self._model.get_score(theirs))

    def is_byte(self, index: int) -> bool:
        theirs = self._theirs[index]
        return theirs >= 0 and bool(self._model.is_byte(theirs))

    def is_whole(self, index: int) -> bool:
        """Whether a subword is never made by a merge and never part of one."""
        theirs = self._theirs[index]
        return (
            index < len(SPECIAL_TOKENS)
            or index in self.user_defined
            or self._model.is_byte(theirs)
            or self._model.is_control(theirs)
            or self._model.is_unused(theirs)
        )

    def _renumbered(self, ids: Sequence[int]) -> list[int]:
        if self.numbered_alike:
            return list(ids)
        return [self._ours[index] for index in ids]
