"""SentencePiece: a normaliser of spaces alone, truncated models, and errors that say what to do."""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache

import sentencepiece

from seq2seq.data.config import TokenizerConfig
from seq2seq.errors import DataError

# Fields of sentencepiece_model.proto:
SUBWORDS, TRAINER_SPEC, NORMALIZER_SPEC, DENORMALIZER_SPEC = 1, 2, 3, 5  # fields of a model
RULE_NAME, CHARACTER_MAP = 1, 2  # fields of a normaliser
SUBWORD_TYPE, MODEL_TYPE = 3, 3  # fields of a subword, and of the trainer's specification
SPACE_AS_SUFFIX = 24  # field of the trainer's specification
USER_DEFINED = 4  # type of a subword
KINDS = {1: "unigram", 2: "bpe", 3: "word", 4: "char"}  # by model type; unigram is the default
LONGEST_NUMBER = 63  # bits
VARINT, LENGTH_DELIMITED = 0, 2  # wire types
FIXED_SIZES = {1: 8, 5: 4}  # bytes, by wire type
MAX_SUBWORDS = 1_000_000
MAX_SUBWORD_BYTES = 1 << 16
MAX_REPLACEMENT_BYTES = 256  # for one character; NFKC has up to 33


@cache
def spaces_only() -> sentencepiece.SentencePieceNormalizer:
    """Turns every character at which str.split splits into a space, and changes no other."""
    sentencepiece.set_min_log_level(2)
    spaces = re.findall(r"[^\S ]", "".join(map(chr, range(sys.maxunicode + 1))))
    return sentencepiece.SentencePieceNormalizer(norm_map=[(space, " ") for space in spaces])


@cache
def spaces_only_fields() -> dict[int, int | bytes]:
    """The fields of the normaliser's specification in models that use it."""
    fields = dict(message_fields(spaces_only().serialized_model_proto()))
    return dict(message_fields(as_message(fields[NORMALIZER_SPEC])))


@dataclass(frozen=True)
class ModelFacts:
    """What a serialised model says of itself.

    Attributes:
        whole: it has all its parts. Subwords come first and the specifications last: a file
            truncated between two subwords parses as a smaller vocabulary.
        kind: "bpe", "unigram", "word" or "char".
        user_defined: numbers of the subwords that are never split.
        normalizer: fields of the normaliser's specification but for its name.
        space_as_suffix: a space belongs to the word before it.
    """

    whole: bool
    kind: str
    user_defined: frozenset[int]
    normalizer: Mapping[int, int | bytes] = field(default_factory=dict)
    space_as_suffix: bool = False

    def changes_spaces_only(self) -> bool:
        """Whether text is normalised as `spaces_only` does."""
        return self.normalizer == spaces_only_fields()


@lru_cache(maxsize=4)
def facts_of(model: bytes) -> ModelFacts:
    """Read a model that SentencePiece has loaded; of a damaged one `whole` is False."""
    seen, kind, user_defined, subwords = set(), KINDS[1], set(), 0
    trainer: Mapping[int, int | bytes] = {}
    normalizer: Mapping[int, int | bytes] = {}
    try:
        for number, value in message_fields(model):
            seen.add(number)
            if number == SUBWORDS:
                if dict(message_fields(as_message(value))).get(SUBWORD_TYPE) == USER_DEFINED:
                    user_defined.add(subwords)
                subwords += 1
            elif number == TRAINER_SPEC:
                trainer = dict(message_fields(as_message(value)))
                kind = KINDS[int(trainer.get(MODEL_TYPE, 1))]
            elif number == NORMALIZER_SPEC:
                fields = message_fields(as_message(value))
                normalizer = {key: entry for key, entry in fields if key != RULE_NAME}
    except (IndexError, ValueError, KeyError):
        return ModelFacts(False, kind, frozenset())
    whole = {SUBWORDS, TRAINER_SPEC, NORMALIZER_SPEC} <= seen
    suffix = bool(trainer.get(SPACE_AS_SUFFIX, 0))
    return ModelFacts(whole, kind, frozenset(user_defined), normalizer, suffix)


@lru_cache(maxsize=4)
def model_problem(model: bytes) -> str | None:
    """Why SentencePiece must not load a model: more than fits in memory; None without a reason.

    One from a stranger may hold subwords without end, or turn a character into megabytes.
    """
    subwords = 0
    try:
        for number, value in message_fields(model):
            if number == SUBWORDS:
                subwords += 1
                if len(as_message(value)) > MAX_SUBWORD_BYTES:
                    return f"has a subword of more than {MAX_SUBWORD_BYTES:,} bytes"
                if subwords > MAX_SUBWORDS:
                    return f"has more than {MAX_SUBWORDS:,} subwords"
            elif number in (NORMALIZER_SPEC, DENORMALIZER_SPEC) and is_bomb(as_message(value)):
                return f"replaces a character by more than {MAX_REPLACEMENT_BYTES:,} bytes"
    except (IndexError, ValueError):
        return "is not a SentencePiece model, or damaged"
    return None


def is_bomb(specification: bytes) -> bool:
    """Whether a normaliser's map of characters holds a long replacement.

    The map is the size of a trie, the trie, and the replacements, each ended by a NUL.
    """
    for number, value in message_fields(specification):
        if number == CHARACTER_MAP:
            characters = as_message(value)
            trie = int.from_bytes(characters[:4], "little")
            replacements = characters[4 + trie :].split(b"\0")
            if max(map(len, replacements)) > MAX_REPLACEMENT_BYTES:
                return True
    return False


def as_message(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where a message belongs")
    return value


def message_fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values of the fields of a serialised protocol buffer.

    Raises:
        IndexError, ValueError: it is cut off or damaged.
    """
    place = 0

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = message[place]
            value, shift, place = value | (byte & 127) << shift, shift + 7, place + 1
            if byte < 128:
                return value
            if shift > LONGEST_NUMBER:
                raise ValueError("a number is too long")

    while place < len(message):
        tag = varint()
        if tag & 7 == VARINT:
            yield tag >> 3, varint()
            continue
        if tag & 7 != LENGTH_DELIMITED and tag & 7 not in FIXED_SIZES:
            raise ValueError(f"wire type {tag & 7}")
        size = FIXED_SIZES.get(tag & 7) or varint()
        if place + size > len(message):
            raise IndexError("a field is cut off")
        yield tag >> 3, message[place : place + size]
        place += size


def training_error(message: str, config: TokenizerConfig) -> DataError:
    """The error for a message of the SentencePiece trainer."""
    option = f"data.tokenizer.vocab_size: {config.vocab_size:,}"
    if match := re.search(r"too high.*<= (\d+)", message):
        return DataError(
            f"{option} is more than this text allows; choose at most {match[1]}, or give more text"
        )
    if match := re.search(r"smaller than required_chars.* vs (\d+)", message):
        return DataError(
            f"{option} is less than the {match[1]} that the characters of this text need; choose "
            "more, or lower data.tokenizer.character_coverage"
        )
    if "sentences_.empty()" in message:
        return DataError(
            "there is no text to train a tokenizer on; every training sentence is empty"
        )
    return DataError(
        f"SentencePiece could not train a tokenizer ({message}); change data.tokenizer or the text"
    )
