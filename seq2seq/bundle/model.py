"""The Python interface to a trained model: `seq2seq.load(DIR).translate(["Good morning."])`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from os import PathLike
from typing import Literal, overload

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.bundle.device import find_device
from seq2seq.bundle.files import Bundle, load_bundle
from seq2seq.bundle.inputs import (
    checked_folder,
    checked_lines,
    checked_markup,
    checked_prefixes,
    checked_sources,
    ensure_count,
)
from seq2seq.bundle.options import CheckedOptions
from seq2seq.bundle.together import Member, Together, ensure_together
from seq2seq.data.kinds.text import TextSource
from seq2seq.data.tokenizer import Tokenizer
from seq2seq.decoding.config import DecodingConfig, Engine
from seq2seq.engine.search import CTranslate2Engine
from seq2seq.evaluation.markup_projection import with_markup
from seq2seq.evaluation.translate import (
    LINE_WINDOW,
    ProgressCallback,
    Translator,
    no_progress,
)
from seq2seq.evaluation.translation import Translation

WINDOW_BATCHES = 16  # batches whose lines `stream` reads, and sorts by length, at once


class Model:
    """The model of a run, or the models of several runs as an ensemble.

    Attributes:
        decoding: options of search, at first those of the (first) run. They may be changed:
            `model.decoding.beam_size = 1`.
        alignment: options of word alignment, at first those of the (first) run.
        members: of the ensemble, or the only one.

    Args:
        bundles: one, or several of one direction with the same vocabularies.
        device: see `seq2seq.load`.

    Raises:
        ConfigError: there is no such device, or the runs differ in direction, kind of source or
            vocabularies.
    """

    def __init__(self, bundles: Sequence[Bundle], *, device: str = "auto") -> None:
        assert bundles, "at least one model"
        self.members = [Member.of_bundle(bundle) for bundle in bundles]
        ensure_together(Together.ensemble, self.members)
        target_device = find_device(device)
        self.models = [bundle.model.to(target_device) for bundle in bundles]
        self.tokenizers = bundles[0].tokenizers
        self.languages = bundles[0].config.data.languages()
        self.decoding: DecodingConfig = bundles[0].config.decoding
        self.alignment: AlignmentConfig = bundles[0].config.alignment
        self._decoding_options = CheckedOptions("decoding", self.decoding)
        self._alignment_options = CheckedOptions("alignment", self.alignment)
        self._engine: CTranslate2Engine | None = None

    @property
    def source_tokenizer(self) -> Tokenizer | None:
        """Of sources that are text; None for those of another kind."""
        kind = self.tokenizers.source
        return kind.tokenizer if isinstance(kind, TextSource) else None

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
        scores: bool = False,
        alignments: bool = False,
        prefixes: Sequence[str] | None = None,
    ) -> list[str] | list[Translation]: ...

    def translate(
        self,
        lines: Iterable[str],
        *,
        scores: bool = False,
        alignments: bool = False,
        prefixes: Sequence[str] | None = None,
    ) -> list[str] | list[Translation]:
        """Translate sentences to text; with `scores` or `alignments` as `translations` does.

        Raises:
            ConfigError, DataError: as `translations`.
        """
        translations = self.translations(lines, alignments=alignments, prefixes=prefixes)
        if scores or alignments:
            return translations
        return [translation.text for translation in translations]

    def translations(
        self,
        lines: Iterable[str],
        *,
        alignments: bool = False,
        prefixes: Sequence[str] | None = None,
    ) -> list[Translation]:
        """Translate sentences to `Translation` objects: n-best texts and scores.

        Args:
            alignments: also align words.
            prefixes: for each sentence, the text that its translation begins with.

        Raises:
            ConfigError: an option is wrong, or the model has no attention weights to align with.
            DataError: a line is no sentence, with its number; there is not one prefix per sentence,
                or a prefix would be lost.
        """
        kind, target = self.tokenizers.source, self.tokenizers.target
        sentences = list(checked_sources(lines, "lines", kind))
        if prefixes is not None:
            prefixes = checked_prefixes(prefixes, sentences, kind, target)
        return list(self.translator(alignments).translate(sentences, prefixes=prefixes))

    def translate_markup(self, lines: Iterable[str]) -> list[str]:
        """Translate sentences whose inline tags, such as <b>, follow their words by word alignment.

        A line without tags is translated as by `translate`.

        Raises:
            ConfigError, DataError: as `translations`; the sources are not text, or the mark-up of a
                line is none, such as a tag that never closes.
        """
        self.tokenizers.of_text()
        marked = list(checked_markup(lines, "lines"))
        found = self.translations([line.text for line in marked], alignments=True)
        return [
            with_markup(line, x.text, x.alignment.links)
            for line, x in zip(marked, found, strict=True)
            if x.alignment is not None
        ]

    def stream(
        self,
        lines: Iterable[str],
        *,
        alignments: bool = False,
        progress: ProgressCallback = no_progress,
    ) -> Iterator[Translation]:
        """Translate lines as they are read, some batches at a time.

        With decoding.batch_size 1 a line is translated before the next is read. The translations
        are those of `translate`: the seed of a sampled line depends on its number in the text.

        Raises:
            ConfigError, DataError: as `translations`.
        """
        translator = self.translator(alignments)
        size = translator.config.batch_size
        window = 1 if size == 1 else min(size * WINDOW_BATCHES, LINE_WINDOW)
        checked = checked_sources(lines, "lines", self.tokenizers.source)
        return translator.translate(checked, window=window, progress=progress)

    def score(
        self,
        sources: Iterable[str],
        targets: Iterable[str],
        *,
        alignments: bool = False,
        progress: ProgressCallback = no_progress,
    ) -> Iterator[Translation]:
        """Score given translations by forced decoding, and align their words if asked to.

        `token_log_probabilities` of each result has the score of every token.

        Raises:
            ConfigError: as `translations`.
            DataError: a line is no sentence, or the sides differ in length.
        """
        source_lines = list(checked_sources(sources, "sources", self.tokenizers.source))
        target_lines = list(checked_lines(targets, "targets"))
        ensure_count("targets", target_lines, len(source_lines))
        scorer = self.translator(alignments, searches=False)
        return scorer.score(source_lines, target_lines, progress=progress)

    def checked_alignment(self) -> AlignmentConfig:
        """The present options of alignment.

        Raises:
            ConfigError: an option is impossible, or set but not read.
        """
        return self._alignment_options.of(self.alignment)

    def translator(self, alignments: bool, *, searches: bool = True) -> Translator:
        """A translator with the present options.

        An engine is loaded once and kept: it does not see later changes to the weights.

        Args:
            searches: whether an engine is needed; the model scores given translations itself.
        """
        alignment = replace(self.checked_alignment(), enabled=True) if alignments else None
        decoding = self._decoding_options.of(self.decoding)
        if not searches:
            decoding = replace(decoding, engine=Engine.torch)
        translator = Translator(
            self.models, self.tokenizers, decoding, alignment, engine=self._engine
        )
        self._engine = translator.engine or self._engine
        return translator


def load_model(
    folder: str | PathLike[str], *further: str | PathLike[str], device: str = "auto"
) -> Model:
    """The model of a run's folder or bundle, or an ensemble of several; see `seq2seq.load`."""
    folders = [checked_folder(path) for path in (folder, *further)]
    return Model([load_bundle(path) for path in folders], device=device)
