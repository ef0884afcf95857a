"""Subwords: SentencePiece models with fixed special ids, offsets into words, and errors a user can act on.

Text is taken as it is (no NFKC, which would turn ½ into 1⁄2), with one exception written into every trained model:
each character that Python counts as white space is a space, and a run of them is one. So decode(encode(text)) is
" ".join(text.split()) for any text whose characters have pieces; only U+2581, which SentencePiece itself uses for the
space, comes back as a space.
"""

import hashlib
import io
import logging
import struct
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import sentencepiece

from seq2seq import padding
from seq2seq.data.config import TokenizerConfig, TokenizerKind
from seq2seq.data.sentencepiece_model import is_whole, spaces_only, training_error
from seq2seq.errors import DataError
from seq2seq.files import atomic_path

logger = logging.getLogger(__name__)

SPACE = "▁"
MAX_SENTENCE_BYTES = 1 << 20  # longer lines are left out of training by SentencePiece
NUM_THREADS = 4  # a unigram vocabulary depends on it, so it is not the number of cores
MAX_MODEL_BYTES = 1 << 30


class Tokenizer:
    """One SentencePiece model. Ids never hold <s> or </s>: who batches adds them."""

    UNK_ID: ClassVar[int] = padding.UNK_ID
    PAD_ID: ClassVar[int] = padding.PAD_ID
    BOS_ID: ClassVar[int] = padding.BOS_ID
    EOS_ID: ClassVar[int] = padding.EOS_ID

    def __init__(self, model: bytes, *, name: str) -> None:
        """Args: model: a serialised SentencePiece model. name: what error messages call it."""
        self.model = model
        try:
            self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        except RuntimeError as error:
            raise DataError(
                f"{name}: is not a SentencePiece model, or damaged; make or copy it again"
            ) from error
        if not is_whole(model):
            raise DataError(f"{name}: is cut off; make or copy it again")
        processor = self._processor
        found = (processor.unk_id(), processor.pad_id(), processor.bos_id(), processor.eos_id())
        if found != (self.UNK_ID, self.PAD_ID, self.BOS_ID, self.EOS_ID):
            raise DataError(
                f"{name}: must have the ids <unk>=0 <pad>=1 <s>=2 </s>=3, but has {found}; train it with "
                "--unk_id=0 --pad_id=1 --bos_id=2 --eos_id=3"
            )
        self.vocab_size: int = processor.vocab_size()
        self.sha256 = self._hash_of_vocabulary()

    @classmethod
    def train(cls, sentences: Iterable[str], path: Path, *, config: TokenizerConfig) -> "Tokenizer":
        """Learn a model from text and store it at `path`. The same text and settings give the same vocabulary.

        Raises:
            DataError: the text does not allow the vocabulary asked for; the message says what it allows.
        """
        buffer = io.BytesIO()
        sentencepiece.set_min_log_level(2)
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(sentences),
                model_writer=buffer,
                model_type=config.kind.value,
                vocab_size=config.vocab_size,
                hard_vocab_limit=config.kind is not TokenizerKind.word,
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
        except RuntimeError as error:
            raise training_error(str(error), config) from error
        with atomic_path(path) as stage:
            stage.write_bytes(buffer.getvalue())
        return cls(buffer.getvalue(), name=str(path))

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Raises: DataError: missing, truncated, or with other special ids."""
        if not path.is_file():
            raise DataError(
                f"{path}: no such tokenizer model; give the path of a SentencePiece .model file"
            )
        if path.stat().st_size > MAX_MODEL_BYTES:
            raise DataError(
                f"{path}: is too large to be a SentencePiece model; name the .model file"
            )
        return cls(path.read_bytes(), name=str(path))

    def save(self, path: Path) -> None:
        with atomic_path(path) as stage:
            stage.write_bytes(self.model)

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._processor.encode(text)
        return ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        ids: list[list[int]] = self._processor.encode(list(texts))
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Text with single spaces. Special ids are left out, <unk> among them: a mark would be scored as a word."""
        text: str = self._processor.decode([index for index in ids if index > self.EOS_ID])
        return " ".join(text.split())

    def words_of_ids(self, ids: Sequence[int]) -> list[int]:
        """For each id the word of decode(ids) that it belongs to, -1 for none.

        The counterpart of `word_of_piece` for ids that a model produced, which need not be those that `encode` gives
        for the same text. Found from where the model itself puts each piece in the decoded text; bytes that spell one
        character together belong to the word of that character.
        """
        decoding = self._processor.decode(
            [index for index in ids if index > self.EOS_ID], out_type="offset_mapping"
        )
        word_at = words_of_characters(decoding["text"])
        spans = iter(decoding["offsets"])
        words = []
        for index, piece in zip(ids, self.pieces(ids), strict=True):
            begin, end = next(spans) if index > self.EOS_ID else (0, 0)
            in_word = index > self.EOS_ID and piece.strip(SPACE).strip() != ""
            covered = (
                word_at[begin : max(end, begin + 1)] if in_word else []
            )  # bytes before the last cover nothing
            words.append(next((word for word in covered if word >= 0), -1))
        return words

    def pieces(self, ids: Sequence[int]) -> list[str]:
        return [self._processor.id_to_piece(int(index)) for index in ids]

    def word_of_piece(self, text: str, split: "Split | None" = None) -> tuple[list[int], list[int]]:
        """The ids of a line and, for each, which word it belongs to.

        Word n is text.split()[n], or what another split says. A piece belongs to the word of the first character it
        covers that is not a space; a piece that covers only space belongs to none, -1. Found from the model's own
        offsets into the line, so that normalisation and unknown characters cannot shift it.
        """
        encoding = self._processor.encode(text, out_type="offset_mapping")
        word_at = (split or words_of_characters)(text)
        words = []
        for piece, (begin, _) in zip(encoding["pieces"], encoding["offsets"], strict=True):
            while begin < len(text) and word_at[begin] < 0:
                begin += 1
            in_word = piece.strip(SPACE).strip() != "" and begin < len(text)
            words.append(word_at[begin] if in_word else -1)
        return list(encoding["ids"]), words

    def _hash_of_vocabulary(self) -> str:
        digest = hashlib.sha256()
        for index in range(self.vocab_size):
            digest.update(self._processor.id_to_piece(index).encode() + b"\0")
            digest.update(
                struct.pack("<f?", self._processor.get_score(index), self._processor.is_byte(index))
            )
        return digest.hexdigest()


@dataclass(frozen=True)
class Tokenizers:
    """The tokenizers of both sides; one and the same object if joint."""

    source: Tokenizer
    target: Tokenizer

    @property
    def joint(self) -> bool:
        return self.source is self.target

    def save(self, directory: Path) -> None:
        """Write joint.model, or source.model and target.model."""
        directory.mkdir(parents=True, exist_ok=True)
        if self.joint:
            self.source.save(directory / "joint.model")
        else:
            self.source.save(directory / "source.model")
            self.target.save(directory / "target.model")

    @classmethod
    def load(cls, directory: Path) -> "Tokenizers":
        if (directory / "joint.model").is_file():
            joint = Tokenizer.load(directory / "joint.model")
            return cls(joint, joint)
        return cls(
            Tokenizer.load(directory / "source.model"), Tokenizer.load(directory / "target.model")
        )

    @classmethod
    def of(
        cls, config: TokenizerConfig, source: list[str], target: list[str], directory: Path
    ) -> "Tokenizers":
        """Load the models that the configuration names, or train on this text; kept in `directory`."""
        given = [
            Path(model) for model in (config.source_model, config.target_model) if model is not None
        ]
        if given:
            loaded = [Tokenizer.load(path) for path in dict.fromkeys(given)]
            tokenizers = cls(loaded[0], loaded[0] if config.joint else loaded[-1])
            tokenizers.save(directory)
        else:
            logger.info(
                "training a %s tokenizer on %s pairs", config.kind.value, f"{len(source):,}"
            )
            sides = (
                {"joint": alternate(source, target)}
                if config.joint
                else {"source": source, "target": target}
            )
            for name, sentences in sides.items():
                Tokenizer.train(sentences, directory / f"{name}.model", config=config)
        return cls.load(directory)


def alternate(source: list[str], target: list[str]) -> Iterator[str]:
    for pair in zip(source, target, strict=True):
        yield from pair


Split = Callable[
    [str], list[int]
]  # for each character of a line the number of its word, -1 for white space


def words_of_characters(text: str) -> list[int]:
    """For each character of a line the number of its word in text.split(), -1 for white space."""
    words, word, inside = [], -1, False
    for character in text:
        space = character.isspace()
        word += not space and not inside
        inside = not space
        words.append(-1 if space else word)
    return words


def tokens_of_characters(text: str) -> list[int]:
    """The same with every character by itself that is no letter, digit or mark on one: "don't!" has four tokens."""
    tokens, token, within = [], -1, False
    for character in text:
        space, letter = character.isspace(), unicodedata.category(character)[0] in "LNM"
        token += not space and not (within and letter)
        within = letter
        tokens.append(-1 if space else token)
    return tokens


def split_text(text: str, split: Split) -> list[str]:
    """The words of a line as a split has them."""
    words: list[str] = []
    for character, word in zip(text, split(text), strict=True):
        if word == len(words):
            words.append(character)
        elif word >= 0:
            words[word] += character
    return words
