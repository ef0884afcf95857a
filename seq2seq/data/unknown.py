"""Warnings about text of which a tokenizer does not know much."""

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Literal

from seq2seq.data.column import Column
from seq2seq.data.config import TokenizerConfig
from seq2seq.data.tokenizer import Tokenizer

MANY_UNKNOWN = 0.001  # share of a side's subwords above which <unk> is a warning
SAMPLE = 200  # sentences with unknown characters that are tried in other normal forms
FORMS: tuple[Literal["NFC", "NFD", "NFKC"], ...] = ("NFC", "NFD", "NFKC")


def unknown_warnings(
    name: str, ids: Column, texts: Sequence[str], tokenizer: Tokenizer, config: TokenizerConfig
) -> Iterator[str]:
    """A sentence if many of the subwords of one side of a split are <unk>.

    Args:
        name: of the side and the split.
        ids: of the texts.
    """
    unknown, total = int((ids.values == Tokenizer.UNK_ID).sum()), len(ids.values)
    if unknown > MANY_UNKNOWN * total:
        remedy = "data.tokenizer.byte_fallback=true spells them instead"
        if config.source_model is not None or config.target_model is not None:
            remedy = "use a tokenizer that was trained on such text"
        if form := better_form(texts, tokenizer):
            remedy = (
                f"the tokenizer knows text in the normal form {form}: convert the text, such as by "
                f"unicodedata.normalize({form!r}, line)"
            )
        yield f"{unknown:,} of {total:,} {name} subwords are <unk>; {remedy}"


def better_form(texts: Sequence[str], tokenizer: Tokenizer) -> str | None:
    """The Unicode normal form in which texts have less than half as much unknown."""
    strange = (text for text in texts if tokenizer.unknown_share(text) > 0)
    sample = list(islice(strange, SAMPLE))
    present = sum(map(tokenizer.unknown_share, sample))
    for form in FORMS:
        shares = (tokenizer.unknown_share(unicodedata.normalize(form, text)) for text in sample)
        if sum(shares) < present / 2:
            return form
    return None
