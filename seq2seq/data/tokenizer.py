"""Subwords: SentencePiece models under fixed special ids, and the words that subwords belong to.

Text is not normalised (no NFKC, which would turn ½ into 1⁄2), with one exception that every trained
model holds: a character that Python counts as white space is a space, and several spaces are one.
So decode(encode(text)) is " ".join(text.split()) for text whose characters are in the vocabulary.
U+2581, which SentencePiece uses for the space, comes back as a space.
"""

import hashlib
import io
import logging
import struct
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

import sentencepiece

from seq2seq import padding
from seq2seq.data.column import Column
from seq2seq.data.config import MAXIMUM_KINDS, WORD_START, TokenizerConfig
from seq2seq.data.processor import Processor, read_model
from seq2seq.data.sentencepiece_model import spaces_only, training_error
from seq2seq.data.word_encoder import WordEncoder
from seq2seq.data.words import NO_WORD, WordSplit, words_of_characters
from seq2seq.errors import DataError
from seq2seq.files import atomic_path
from seq2seq.stopping import deaf

logger = logging.getLogger(__name__)

CHUNK = 50_000  # sentences encoded between two reports
REPORT_EVERY = 2.0  # seconds
MAX_SENTENCE_BYTES = 1 << 20  # longer lines are left out of training by SentencePiece
NUM_THREADS = 4  # a unigram vocabulary depends on it, so it is not the number of cores


class Tokenizer:
    """A SentencePiece model. Ids hold no <s> and </s>; those are added in batches.

    Attributes:
        vocab_size: subwords, specials included.
        kind: how the model was trained.
        user_defined: ids of subwords that are never split, such as tags.
    """

    UNK_ID: ClassVar[int] = padding.UNK_ID
    PAD_ID: ClassVar[int] = padding.PAD_ID
    BOS_ID: ClassVar[int] = padding.BOS_ID
    EOS_ID: ClassVar[int] = padding.EOS_ID

    def __init__(self, model: bytes, *, name: str) -> None:
        """Args: model: a serialised SentencePiece model. name: of it in error messages."""
        self.model = model
        self._processor = Processor(model, name=name)
        self.vocab_size = self._processor.vocab_size
        self.kind = self._processor.kind
        self.user_defined = self._processor.user_defined
        try:
            self.sha256 = self._hash_of_vocabulary()
        except UnicodeDecodeError as error:
            raise DataError(
                f"{name}: has a subword that is not UTF-8; make or copy this model again"
            ) from error

    @classmethod
    def train(cls, sentences: Iterable[str], path: Path, *, config: TokenizerConfig) -> "Tokenizer":
        """Train a model on text and write it to `path`.

        The same text and settings give the same vocabulary.

        Raises:
            DataError: the text does not allow the vocabulary; the message says what it allows.
        """
        buffer = io.BytesIO()
        sentencepiece.set_min_log_level(2)
        try:
            deaf(
                lambda: sentencepiece.SentencePieceTrainer.train(
                    sentence_iterator=iter(sentences),
                    model_writer=buffer,
                    model_type=config.kind.value,
                    vocab_size=config.vocab_size,
                    hard_vocab_limit=config.kind not in MAXIMUM_KINDS,
                    user_defined_symbols=list(config.user_defined_symbols),
                    character_coverage=config.character_coverage,
                    byte_fallback=config.byte_fallback,
                    normalizer=spaces_only(),
                    max_sentence_length=MAX_SENTENCE_BYTES,
                    num_threads=NUM_THREADS,
                    unk_id=cls.UNK_ID,
                    pad_id=cls.PAD_ID,
                    bos_id=cls.BOS_ID,
                    eos_id=cls.EOS_ID,
                    minloglevel=2,
                )
            )
        except RuntimeError as error:
            raise training_error(str(error), config) from error
        with atomic_path(path) as stage:
            stage.write_bytes(buffer.getvalue())
        return cls(buffer.getvalue(), name=str(path))

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Raises: DataError: missing, truncated, or no SentencePiece model."""
        return cls(read_model(path), name=str(path))

    def save(self, path: Path) -> None:
        with atomic_path(path) as stage:
            stage.write_bytes(self.model)

    def encode(self, text: str) -> list[int]:
        return self._processor.encode(text)

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        return self._processor.encode_batch(texts)

    def encode_column(self, sentences: Sequence[str]) -> Column:
        """The ids of many sentences; reports progress when that takes long.

        Equal to those of `encode_batch`, but each distinct word is encoded once where words are
        encoded apart.
        """
        encode = self._encode_chunk
        if self.by_words:
            encode = WordEncoder(self._encode_chunk, unknown=self.UNK_ID).encode
        columns = []
        reported = time.monotonic()
        for first in range(0, len(sentences), CHUNK):
            columns.append(encode(sentences[first : first + CHUNK]))
            if time.monotonic() - reported > REPORT_EVERY:
                reported = time.monotonic()
                done = min(first + CHUNK, len(sentences))
                logger.info("tokenized %s of %s sentences", f"{done:,}", f"{len(sentences):,}")
        return Column.joined(columns)

    def _encode_chunk(self, sentences: Sequence[str]) -> Column:
        return Column.of(self.encode_batch(sentences))

    def decode(self, ids: Sequence[int]) -> str:
        """Text with single spaces.

        Special ids are left out, <unk> among them, which a metric would score as a word.
        """
        (text,) = self.decode_batch([ids])
        return text

    def decode_batch(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """`decode` of each row."""
        texts = self._processor.decode_batch(
            [[index for index in ids if index > self.EOS_ID] for ids in rows]
        )
        return [" ".join(text.split()) for text in texts]

    def words_of_ids(self, ids: Sequence[int]) -> list[int]:
        """The word of decode(ids) that each id belongs to, NO_WORD for none.

        The counterpart of `encode_words` for ids that a model produced, which may differ from those
        that `encode` gives for the same text. It follows from where SentencePiece puts each subword
        in the decoded text; bytes that spell a character belong to the word of that character.
        """
        text, offsets = self._processor.decode_offsets(
            [index for index in ids if index > self.EOS_ID]
        )
        word_at, spans = words_of_characters(text), iter(offsets)
        words = []
        for index, subword in zip(ids, self.subwords(ids), strict=True):
            begin, end = next(spans) if index > self.EOS_ID else (0, 0)
            in_word = index > self.EOS_ID and subword.strip(WORD_START).strip() != ""
            # bytes before the last of a character cover nothing
            covered = word_at[begin : max(end, begin + 1)] if in_word else []
            words.append(next((word for word in covered if word != NO_WORD), NO_WORD))
        return words

    def subwords(self, ids: Sequence[int]) -> list[str]:
        return [self._processor.subword(int(index)) for index in ids]

    @property
    def by_words(self) -> bool:
        """Whether a sentence is encoded as its words are; see `Processor`."""
        return self._processor.by_words

    def indivisible(self) -> frozenset[int]:
        """Ids of subwords that take no part in merges."""
        return frozenset(filter(self._processor.is_whole, range(self.vocab_size)))

    def merge_ranks(self) -> list[float]:
        """(V,) of a byte pair encoding, where each subword stands in the order of merges."""
        return [-self._processor.log_probability(index) for index in range(self.vocab_size)]

    def encode_words(
        self, text: str, split: WordSplit = words_of_characters
    ) -> tuple[list[int], list[int]]:
        """The ids of a line and, for each, the word it belongs to, NO_WORD for none.

        Word n is text.split()[n], or that of another split. A subword belongs to the word of its
        first character that is not a space; one of spaces alone belongs to none. It follows from
        SentencePiece's offsets into the line, so unknown characters cannot shift it.
        """
        ids, subwords, offsets = self._processor.encode_offsets(text)
        word_at = split(text)
        words = []
        for subword, (begin, _) in zip(subwords, offsets, strict=True):
            while begin < len(text) and word_at[begin] == NO_WORD:
                begin += 1
            in_word = subword.strip(WORD_START).strip() != "" and begin < len(text)
            words.append(word_at[begin] if in_word else NO_WORD)
        return ids, words

    def unknown_characters(self, text: str) -> str:
        """The parts of a line that become <unk>, each once, with spaces between.

        They are runs of characters without a subword; of a word vocabulary, unknown words.
        """
        ids, _, offsets = self._processor.encode_offsets(text)
        parts = [
            text[begin:end].strip()
            for index, (begin, end) in zip(ids, offsets, strict=True)
            if index == self.UNK_ID
        ]
        return " ".join(dict.fromkeys(part for part in parts if part))

    def unknown_share(self, text: str) -> float:
        """The share of a line's characters that become <unk>, those of spaces left out."""
        ids, _, offsets = self._processor.encode_offsets(text)
        unknown = sum(
            len("".join(text[begin:end].split()))
            for index, (begin, end) in zip(ids, offsets, strict=True)
            if index == self.UNK_ID
        )
        return unknown / max(len("".join(text.split())), 1)

    def _hash_of_vocabulary(self) -> str:
        digest = hashlib.sha256()
        for index in range(self.vocab_size):
            digest.update(self._processor.subword(index).encode() + b"\0")
            values = self._processor.log_probability(index), self._processor.is_byte(index)
            digest.update(struct.pack("<f?", *values))
        return digest.hexdigest()
