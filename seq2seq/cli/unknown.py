"""Cautions about text whose characters a model does not know."""

import logging
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from seq2seq.cli.lines import counted

if TYPE_CHECKING:
    from seq2seq.bundle.model import Model
    from seq2seq.data.tokenizer import Tokenizer

logger = logging.getLogger(__name__)

NormalForm = Literal["NFC", "NFD", "NFKC"]
NORMAL_FORMS: tuple[NormalForm, ...] = ("NFC", "NFD", "NFKC")  # that are tried, in this order
SHOWN_PARTS = 5  # unknown parts of lines in a message


@dataclass
class UnknownText:
    """Counts of lines with unknown characters.

    Attributes:
        tokenizer: of the lines; None for sources that are no text.
        lines: mostly unknown.
        by_form: lines that hold unknown characters, and none in another Unicode normal form.
    """

    tokenizer: "Tokenizer | None"
    lines: int = 0
    by_form: dict[NormalForm, int] = field(default_factory=dict)
    examples: dict[str, None] = field(default_factory=dict)

    def add(self, line: str) -> None:
        if self.tokenizer is None:
            return
        share = self.tokenizer.unknown_share(line)
        if share == 0:
            return
        form = known_form(self.tokenizer, line)
        if form is not None:
            self.by_form[form] = self.by_form.get(form, 0) + 1
        elif share > 0.5:
            self.lines += 1
            if len(self.examples) < SHOWN_PARTS:
                parts = self.tokenizer.unknown_characters(line).split()
                self.examples |= dict.fromkeys(parts[:SHOWN_PARTS])

    def report(self, side: str = "") -> None:
        """Log a caution for each count; `side` names the text, "of the target" for instance."""
        suffix = f" {side}" if side else ""
        if self.lines:
            logger.warning(
                "  %s%s mostly of characters that the model does not know, such as %s",
                counted(self.lines, "line"),
                suffix,
                " ".join(list(self.examples)[:SHOWN_PARTS]),
            )
        for form, number in self.by_form.items():
            logger.warning(
                "  %s%s with characters that the model knows only in another Unicode normal form; "
                "convert the text to %s",
                counted(number, "line"),
                suffix,
                form,
            )


def report_unknown(model: "Model", sides: tuple[Sequence[str], Sequence[str]]) -> None:
    """Log cautions about both sides of sentence pairs."""
    tokenizers = model.source_tokenizer, model.tokenizers.target
    for name, tokenizer, lines in zip(("source", "target"), tokenizers, sides, strict=True):
        unknown = UnknownText(tokenizer)
        for line in lines:
            unknown.add(line)
        unknown.report(f"of the {name}")


def known_form(tokenizer: "Tokenizer", line: str) -> NormalForm | None:
    """The normal form in which a line has no unknown characters, if there is one."""
    for form in NORMAL_FORMS:
        converted = unicodedata.normalize(form, line)
        if converted != line and tokenizer.unknown_share(converted) == 0:
            return form
    return None
