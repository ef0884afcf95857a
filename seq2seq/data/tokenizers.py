"""What encodes both sides of a corpus: sources of any kind, and targets as subwords."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seq2seq.bounded import read_json
from seq2seq.data.config import TokenizerConfig
from seq2seq.data.kinds.base import SOURCE_KINDS, SourceKind
from seq2seq.data.kinds.features import FeatureSource
from seq2seq.data.kinds.marked import MarkedSource
from seq2seq.data.kinds.text import TextSource
from seq2seq.data.tokenizer import Tokenizer
from seq2seq.errors import ConfigError, DataError
from seq2seq.files import atomic_write

logger = logging.getLogger(__name__)

REGISTERED_KINDS = (TextSource, FeatureSource)  # importing them registers them
SideEncoder = SourceKind | Tokenizer  # of one side
JOINT, TARGET, KIND = "joint.model", "target.model", "source_kind.json"


@dataclass(frozen=True)
class Tokenizers:
    """The encoders of both sides; of text they may be one model."""

    source: SourceKind
    target: Tokenizer

    @property
    def joint(self) -> bool:
        return isinstance(self.source, TextSource) and self.source.tokenizer is self.target

    def of_text(self) -> tuple[Tokenizer, Tokenizer]:
        """The tokenizers of both sides, for what needs text on both.

        Raises:
            ConfigError: sources are of another kind.
        """
        if not isinstance(self.source, TextSource):
            raise ConfigError(
                f"text is needed on both sides, but the sources are {self.source.name}; choose a "
                "run with sources of the kind text"
            )
        return self.source.tokenizer, self.target

    def with_marks(self) -> "Tokenizers":
        """The same for sources that begin with the mark of `data.mark_direction`.

        Raises:
            ConfigError: sources are no text.
        """
        source, target = self.of_text()
        return Tokenizers(MarkedSource(source), target)

    def save(self, directory: Path) -> None:
        """Write joint.model, or the source side and target.model."""
        directory.mkdir(parents=True, exist_ok=True)
        if self.joint:
            self.target.save(directory / JOINT)
            return
        self.target.save(directory / TARGET)
        self.source.save(directory)
        if not isinstance(self.source, TextSource):
            atomic_write(directory / KIND, json.dumps({"kind": self.source.name}).encode())

    @classmethod
    def load(cls, directory: Path) -> "Tokenizers":
        """What `save` wrote.

        Raises:
            DataError: a model is missing or damaged.
            ConfigError: the kind of source is not registered.
        """
        if (directory / JOINT).is_file():
            joint = Tokenizer.load(directory / JOINT)
            return cls(TextSource(joint), joint)
        kind: type[SourceKind] = TextSource
        if (directory / KIND).is_file():
            kind = SOURCE_KINDS[_kind_name(directory / KIND)]
        return cls(kind.load(directory), Tokenizer.load(directory / TARGET))

    @classmethod
    def of(
        cls,
        config: TokenizerConfig,
        source: Sequence[Any],
        target: Sequence[str],
        directory: Path,
        *,
        kind: type[SourceKind] = TextSource,
    ) -> "Tokenizers":
        """Those that the configuration names, or new ones for these pairs; kept in `directory`."""
        if config.source_model is None and config.target_model is None:
            logger.info(
                "training a %s tokenizer on %s pairs", config.kind.value, f"{len(target):,}"
            )
        cls(*kind.fit(config, source, target, directory)).save(directory)
        return cls.load(directory)


def _kind_name(path: Path) -> str:
    """The kind of source that `Tokenizers.save` wrote."""
    try:
        return str(read_json(path)["kind"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: does not name a kind of source ({error!r}); copy the folder again"
        ) from error
