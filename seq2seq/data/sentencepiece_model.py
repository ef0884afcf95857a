"""What SentencePiece leaves to its users: text kept as it is, cut-off models noticed, errors that say what to do."""

import re
import sys
from functools import cache

import sentencepiece

from seq2seq.data.config import TokenizerConfig
from seq2seq.errors import DataError

PIECES, TRAINER_SPEC, NORMALIZER_SPEC = 1, 2, 3  # fields of sentencepiece_model.proto


@cache
def spaces_only() -> sentencepiece.SentencePieceNormalizer:
    """Turns every character at which str.split splits into a space, and nothing else."""
    spaces = [
        chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace() and chr(code) != " "
    ]
    return sentencepiece.SentencePieceNormalizer(norm_map=[(space, " ") for space in spaces])


def is_whole(model: bytes) -> bool:
    """Whether a serialised model, known to parse, has all its parts.

    Pieces come first and the specifications last: a file cut off between two pieces parses, as a smaller vocabulary.
    Every top-level field is length-delimited.
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

    while place < len(model):
        fields.add(varint() >> 3)
        length = varint()
        place += length
    return {PIECES, TRAINER_SPEC, NORMALIZER_SPEC} <= fields


def training_error(message: str, config: TokenizerConfig) -> DataError:
    """What a user can do about an error of the SentencePiece trainer."""
    option = f"data.tokenizer.vocab_size: {config.vocab_size:,}"
    if most := re.search(r"too high.*<= (\d+)", message):
        return DataError(
            f"{option} is more than this text allows; choose at most {most[1]}, or give more text"
        )
    if least := re.search(r"smaller than required_chars.* vs (\d+)", message):
        return DataError(
            f"{option} is less than the {least[1]} that the characters of this text need; choose more, or lower "
            "data.tokenizer.character_coverage"
        )
    if "sentences_.empty()" in message:
        return DataError(
            "there is no text to train a tokenizer on; every training sentence is empty"
        )
    return DataError(
        f"SentencePiece could not train a tokenizer ({message}); change data.tokenizer or the text"
    )
