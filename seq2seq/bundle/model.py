"""A trained model from Python: `seq2seq.load(DIR).translate(["Good morning."])`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Literal, overload

import torch

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.bundle.files import Bundle, load_bundle
from seq2seq.decoding.config import DecodingConfig
from seq2seq.errors import ConfigError, DataError
from seq2seq.evaluation.translate import WINDOW, Progress, Translation, Translator, ignore

BATCHES_SORTED = (
    16  # lines of so many batches are sorted by length together before the first of them comes out
)


class Model:
    """A run's model, or several as an ensemble, with all that is needed to use it.

    Attributes:
        decoding: how translations are searched for; at first as the (first) run was configured.
        alignment: which weights become alignments; likewise. Both may be changed: `model.decoding.beam_size = 1`.

    Raises:
        ConfigError: there is no such device, or the runs have different vocabularies.
    """

    def __init__(self, bundles: Sequence[Bundle], *, device: str = "auto") -> None:
        assert bundles, "at least one model"
        refuse_other_vocabularies(bundles)
        where = find_device(device)
        self.models = [bundle.model.to(where) for bundle in bundles]
        self.tokenizers = bundles[0].tokenizers
        self.languages = bundles[0].config.data.languages()
        self.decoding: DecodingConfig = bundles[0].config.decoding
        self.alignment: AlignmentConfig = bundles[0].config.alignment

    @overload
    def translate(
        self,
        lines: Iterable[str],
        *,
        scores: Literal[False] = False,
        alignments: Literal[False] = False,
        prefixes: Sequence[str] | None = None,
    ) -> list[str]: ...

    @overload
    def translate(
        self,
        lines: Iterable[str],
        *,
        scores: Literal[True],
        alignments: bool = False,
        prefixes: Sequence[str] | None = None,
    ) -> list[Translation]: ...

    @overload
    def translate(
        self,
        lines: Iterable[str],
        *,
        scores: bool = False,
        alignments: Literal[True],
        prefixes: Sequence[str] | None = None,
    ) -> list[Translation]: ...

    def translate(
        self,
        lines: Iterable[str],
        *,
        scores: bool = False,
        alignments: bool = False,
        prefixes: Sequence[str] | None = None,
    ) -> list[str] | list[Translation]:
        """Translate sentences, one translation for each.

        Args:
            scores, alignments: return `Translation` objects, with scores and the n best, and word alignments if asked
                for, instead of text alone.
            prefixes: for each sentence, the text that its translation begins with.

        Raises:
            ConfigError: an option is wrong, or alignments are asked for that the model does not have.
            DataError: prefixes are not one for each sentence.
        """
        sentences = as_list(lines, "lines")
        if prefixes is not None:
            require_as_many(sentences, as_list(prefixes, "prefixes"))
        found = list(self.translator(alignments).translate(sentences, prefixes=prefixes))
        return found if scores or alignments else [translation.text for translation in found]

    def stream(
        self, lines: Iterable[str], *, alignments: bool = False, progress: Progress = ignore
    ) -> Iterator[Translation]:
        """Translate lines as they come: some batches of them are read, and come out before others are read.

        With decoding.batch_size 1 every line comes out before the next is read. The translations are those of
        `translate`: what is sampled for a line follows from its number in the whole text.
        """
        translator = self.translator(alignments)
        size = self.decoding.batch_size
        window = 1 if size == 1 else min(size * BATCHES_SORTED, WINDOW)
        remaining, first = iter(lines), 0
        while some := list(islice(remaining, window)):
            yield from translator.translate(some, first=first, progress=progress)
            first += len(some)

    def score(
        self,
        sources: Iterable[str],
        targets: Iterable[str],
        *,
        alignments: bool = False,
        progress: Progress = ignore,
    ) -> Iterator[Translation]:
        """Score, and align if asked to, given translations; `token_log_probabilities` has every token.

        Raises:
            ConfigError: as for `translate`.
            DataError: the sides differ in length.
        """
        given = as_list(sources, "sources"), as_list(targets, "targets")
        require_as_many(*given)
        return self.translator(alignments).force(*given, progress=progress)

    def translator(self, alignments: bool) -> Translator:
        """With the options as they are now."""
        alignment = replace(self.alignment, enabled=True) if alignments else None
        return Translator(self.models, self.tokenizers, self.decoding, alignment)


def load_model(
    folder: str | PathLike[str], *others: str | PathLike[str], device: str = "auto"
) -> Model:
    """The model of a run's folder or bundle; several folders make an ensemble. See `seq2seq.load`."""
    return Model([load_bundle(Path(path)) for path in (folder, *others)], device=device)


def find_device(device: str) -> torch.device:
    """Where to compute: "auto" takes a GPU if torch sees one.

    Raises:
        ConfigError: torch does not know the device, or cannot use it here.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
        torch.zeros(1, device=found)
    except (
        RuntimeError,
        AssertionError,
        NotImplementedError,
    ) as error:  # the second if torch is built without CUDA
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"device: {device} cannot be used here ({reason}); choose cpu, or auto"
        ) from error
    if found.type == "meta":
        raise ConfigError("device: meta holds no numbers; choose cpu, or auto")
    return found


def refuse_other_vocabularies(bundles: Sequence[Bundle]) -> None:
    first = bundles[0]
    for bundle in bundles[1:]:
        for side in ("source", "target"):
            if getattr(bundle.tokenizers, side).sha256 != getattr(first.tokenizers, side).sha256:
                raise ConfigError(
                    f"an ensemble needs one vocabulary, but {first.path} and {bundle.path} differ in that of the "
                    f"{side} side; train the runs on one data set with equal data.tokenizer options"
                )


def as_list(lines: Iterable[str], name: str) -> list[str]:
    if isinstance(lines, str):
        raise DataError(f"{name}: must be a list of sentences, not one string; write [sentence]")
    return list(lines)


def require_as_many(lines: list[str], others: list[str]) -> None:
    if len(lines) != len(others):
        raise DataError(
            f"one for each sentence is needed, but there are {len(lines):,} and {len(others):,}"
        )
