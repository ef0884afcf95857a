"""Sources that are sentences, read as subwords."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seq2seq.data.column import Column
from seq2seq.data.config import TokenizerConfig
from seq2seq.data.kinds.base import SOURCE_KINDS, SourceKind
from seq2seq.data.words import WordSplit, split_text, words_of_characters

if TYPE_CHECKING:
    from seq2seq.data.tokenizer import Tokenizer
    from seq2seq.model.frontend import VocabularySpec
    from seq2seq.padding import Tokens

MODEL = "source.model"


@SOURCE_KINDS.register
class TextSource(SourceKind):
    """Sentences. An item is a string.

    Attributes:
        tokenizer: of the source side; that of the target side, too, if they are joint.
    """

    name = "text"
    unit = "subwords"
    word = "word"
    end_length = 1

    def __init__(self, tokenizer: "Tokenizer") -> None:
        self.tokenizer = tokenizer

    @classmethod
    def items(
        cls, lines: Sequence[str], path: Path | None = None, *, max_length: int | None = None
    ) -> list[str]:
        return list(lines)

    @classmethod
    def content(cls, item: str) -> Hashable:
        return item

    @classmethod
    def contents(cls, items: Sequence[str]) -> Sequence[Hashable]:
        return items

    @classmethod
    def is_empty(cls, item: str) -> bool:
        return not item.strip()

    @classmethod
    def save_items(cls, path: Path, items: Sequence[str]) -> None:
        pass

    @classmethod
    def load_items(cls, path: Path, lines: Sequence[str]) -> list[str]:
        return list(lines)

    @classmethod
    def words(cls, item: str, split: WordSplit = words_of_characters) -> list[str]:
        return split_text(item, split)

    @classmethod
    def fit(
        cls, config: TokenizerConfig, source: Sequence[str], target: Sequence[str], folder: Path
    ) -> "tuple[TextSource, Tokenizer]":
        from seq2seq.data.tokenizer import Tokenizer

        paths = [path for path in (config.source_model, config.target_model) if path is not None]
        if paths:
            models = [Tokenizer.load(Path(path)) for path in dict.fromkeys(paths)]
            return cls(models[0]), models[0] if config.joint else models[-1]
        if config.joint:
            joint = Tokenizer.train(
                alternate(source, target), folder / "joint.model", config=config
            )
            return cls(joint), joint
        return (
            cls(Tokenizer.train(source, folder / MODEL, config=config)),
            Tokenizer.train(target, folder / "target.model", config=config),
        )

    def save(self, folder: Path) -> None:
        self.tokenizer.save(folder / MODEL)

    @classmethod
    def load(cls, folder: Path) -> "TextSource":
        from seq2seq.data.tokenizer import Tokenizer

        return cls(Tokenizer.load(folder / MODEL))

    @property
    def sha256(self) -> str:
        return self.tokenizer.sha256

    def spec(self) -> "VocabularySpec":
        from seq2seq.model.frontend import VocabularySpec

        return VocabularySpec(self.tokenizer.vocab_size)

    def encode_batch(self, items: Sequence[str]) -> list[list[int]]:
        return self.tokenizer.encode_batch(items)

    def encode_words(
        self, item: str, split: WordSplit = words_of_characters
    ) -> tuple[list[int], list[int]]:
        return self.tokenizer.encode_words(item, split)

    def labels(self, units: Sequence[int]) -> list[str]:
        return self.tokenizer.subwords([*units, self.tokenizer.EOS_ID])

    def encode_column(self, items: Sequence[str]) -> Column:
        return self.tokenizer.encode_column(items)

    @classmethod
    def pad(
        cls, values: NDArray[Any], lengths: NDArray[np.int64], width: int | None = None
    ) -> "Tokens":
        import torch

        from seq2seq.padding import Tokens

        ids = torch.from_numpy(values)
        return Tokens.with_end(ids, torch.from_numpy(lengths), width=width)

    @classmethod
    def batch(cls, units: Sequence[Sequence[int]], width: int | None = None) -> "Tokens":
        from seq2seq.padding import Tokens

        return Tokens.source(units, width=width)

    @classmethod
    def save_column(cls, path: Path, column: Column) -> dict[str, Column]:
        return {"source": column}

    @classmethod
    def open_column(cls, path: Path, columns: Mapping[str, Column]) -> Column:
        return columns["source"]


def alternate(source: Sequence[str], target: Sequence[str]) -> Iterator[str]:
    """The sentences of both sides in turn."""
    for pair in zip(source, target, strict=True):
        yield from pair
