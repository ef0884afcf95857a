"""SentencePiece: a normaliser of spaces alone, truncated models, and errors that say what to do."""

import re
import sys
from functools import cache

import sentencepiece

from seq2seq.data.config import TokenizerConfig
from seq2seq.errors import DataError

SUBWORDS, TRAINER_SPEC, NORMALIZER_SPEC = 1, 2, 3  # fields of sentencepiece_model.proto
LENGTH_DELIMITED = 2  # wire type of each of them


@cache
def spaces_only() -> sentencepiece.SentencePieceNormalizer:
    """Turns every character at which str.split splits into a space, and changes no other."""
    spaces = [
        chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace() and chr(code) != " "
    ]
    return sentencepiece.SentencePieceNormalizer(norm_map=[(space, " ") for space in spaces])


def is_whole(model: bytes) -> bool:
    """Whether a serialised model that parses has all its parts.

    Subwords come first and the specifications last: a file truncated between two subwords parses
    as a smaller vocabulary. Every top-level field is length-delimited.
    """
    fields, place = set(), 0

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = model[place]
            value, shift, place = value | (byte & 127) << shift, shift + 7, place + 1
            if byte < 128:
                return value

    try:
        while place < len(model):
            tag = varint()
            fields.add(tag >> 3)
            if tag & 7 != LENGTH_DELIMITED:
                return False
            length = varint()
            place += length
    except IndexError:
        return False
    return {SUBWORDS, TRAINER_SPEC, NORMALIZER_SPEC} <= fields


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
