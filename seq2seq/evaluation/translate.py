"""Translation of lines with a model or an ensemble: n lines in, n translations out, in order."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.data.kinds.base import Item
from seq2seq.data.tokenizers import SideEncoder, Tokenizers
from seq2seq.data.words import words_of_characters
from seq2seq.decoding.config import DecodingConfig
from seq2seq.decoding.ensemble import EncodedSources, Ensemble
from seq2seq.decoding.hypotheses import Hypothesis
from seq2seq.decoding.search import score_targets, search
from seq2seq.engine.search import CTranslate2Engine
from seq2seq.errors import ConfigError
from seq2seq.evaluation.align import Aligner, Alignment
from seq2seq.evaluation.batches import DecodingBatch, Translated, batches_of_one_width, padded_width
from seq2seq.evaluation.by_engine import NO_PREFIXES, EngineSearch, engine_for
from seq2seq.evaluation.encoded_line import EncodedLine, encode_lines
from seq2seq.evaluation.segmentations import Segmentations, keep_best
from seq2seq.evaluation.translation import TranslatedHypothesis, Translation
from seq2seq.evaluation.workers import Workers, workers_of
from seq2seq.model.transformer import Transformer
from seq2seq.padding import UNK_ID, SourceBatch

LINE_WINDOW = 8192  # lines that are read, sorted by length and translated together

ProgressCallback = Callable[[int], None]


def no_progress(finished: int) -> None:
    """A progress callback that does nothing."""


class Translator:
    """Translates with a model, or with an ensemble of several.

    Sentences are decoded in batches of one source width. The width of a sentence depends on its
    length alone, so results do not depend on batch composition (see `seq2seq.decoding.search`).

    Args:
        models: in evaluation mode.
        alignment: also align translations; see `Aligner`.
        engine: of the same model, used again if its options are those of the configuration.

    Raises:
        ConfigError: an option is wrong, alignments are required that a model does not have, or
            several processes should share a GPU.
        ConfigError, MissingDependencyError: as `engine_for`.
    """

    def __init__(
        self,
        models: Sequence[Transformer],
        tokenizers: Tokenizers,
        config: DecodingConfig,
        alignment: AlignmentConfig | None = None,
        *,
        engine: CTranslate2Engine | None = None,
    ) -> None:
        if problems := [f"decoding.{problem}" for problem in config.problems()]:
            raise ConfigError(problems)
        self.ensemble, self.tokenizers, self.config = Ensemble(models), tokenizers, config
        workers_of(config.workers, self.ensemble.device)
        self.aligner = Aligner.if_enabled(models, tokenizers, alignment)
        self.engine = engine_for(models, tokenizers, config, self.aligner, engine)
        self.kind = tokenizers.source
        self.max_source = self.ensemble.max_source_length - self.kind.end_length
        self.max_target = self.ensemble.max_target_length - 1
        self.segmentations = Segmentations(tokenizers, config, self.max_source)

    def translate(
        self,
        lines: Iterable[Item],
        *,
        prefixes: Sequence[str] | None = None,
        window: int = LINE_WINDOW,
        progress: ProgressCallback = no_progress,
    ) -> Iterator[Translation]:
        """Translate lines without line breaks, in order.

        An empty line has an empty translation, of probability one.

        Args:
            prefixes: for each line, the text that its translation begins with.
            window: lines that are read, sorted by length and translated together.
            progress: called with the number of lines just finished.

        Raises:
            UserError: a minimum length or a prefix does not fit in the model's greatest length.
            ConfigError: prefixes are given to an engine that scores what follows them only.
        """
        if prefixes is not None and self.engine is not None:
            raise ConfigError(NO_PREFIXES)
        first = 0
        remaining = iter(lines)
        count = workers_of(self.config.workers, self.ensemble.device)
        with Workers(count, self._translate_batch) as workers:
            while batch := list(islice(remaining, window)):
                rows = slice(first, first + len(batch))
                yield from self._translate_window(
                    batch, first, None if prefixes is None else prefixes[rows], progress, workers
                )
                first += len(batch)

    def _translate_window(
        self,
        lines: list[Item],
        first: int,
        prefixes: Sequence[str] | None,
        progress: ProgressCallback,
        workers: Workers[DecodingBatch, Translated],
    ) -> list[Translation]:
        """Translate the lines with numbers first, first + 1, ... of a text."""
        items = self.kind.items(lines)
        sources = self._encode(self.kind, items, self.max_source)
        empty = self._empty_translation()
        translations = [
            Translation(str(item), empty.n_best, alignment=empty.alignment) for item in items
        ]
        target = self.tokenizers.target
        prefix_ids = None if prefixes is None else target.encode_batch(prefixes)
        rows = [row for row, source in enumerate(sources) if len(source.units)]
        progress(len(lines) - len(rows))
        rows.sort(key=lambda row: -len(sources[row].units))
        if self.engine is not None:
            search_by = EngineSearch(
                self.engine, self.ensemble, self.tokenizers, self.config, self.aligner
            )
            rows = search_by.translate(rows, sources, items, translations, progress)
        candidates = self.segmentations.candidates(sources, rows)
        segmented = [candidate.source for candidate in candidates]
        numbers_of = self._batches(range(len(candidates)), segmented, self.config.hypotheses)
        batches = [
            DecodingBatch.of([candidates[x] for x in numbers], self.config.seed, first, prefix_ids)
            for numbers in numbers_of
        ]
        results = {}
        for batch, translated in workers.map(batches):
            for number, (n_best, alignment) in zip(numbers_of[batch], translated, strict=True):
                line, source = candidates[number]
                results[number] = Translation(str(items[line]), n_best, source.cut, alignment)
            progress(sum(number < len(rows) for number in numbers_of[batch]))
        keep_best(translations, candidates, results)
        return translations

    def _translate_batch(self, batch: DecodingBatch) -> Translated:
        """The n best of each source and the alignment of the best."""
        encoded = self.ensemble.encode(self._source_batch(batch.sources))
        hypotheses = search(
            self.ensemble,
            encoded,
            self.config,
            banned_tokens=[] if self.config.allow_unknown else [UNK_ID],
            prefixes=batch.prefixes,
            seeds=batch.seeds,
        )
        best = [self._target_line(n_best[0]) for n_best in hypotheses]
        alignments = self._align(encoded, batch.sources, best)
        translated = TranslatedHypothesis.lists_of(hypotheses, self.tokenizers.target)
        return list(zip(translated, alignments, strict=True))

    def score(
        self,
        lines: Iterable[Item],
        references: Iterable[str],
        *,
        progress: ProgressCallback = no_progress,
    ) -> Iterator[Translation]:
        """Score references, and align them if there is an aligner, instead of searching."""
        pairs = zip(lines, references, strict=True)
        while window := list(islice(pairs, LINE_WINDOW)):
            yield from self._score_window(
                [line for line, _ in window], [reference for _, reference in window], progress
            )

    def _score_window(
        self, lines: list[Item], references: list[str], progress: ProgressCallback
    ) -> list[Translation]:
        items = self.kind.items(lines)
        sources = self._encode(self.kind, items, self.max_source)
        targets = self._encode(self.tokenizers.target, references, self.max_target)
        translations: dict[int, Translation] = {}
        rows = sorted(range(len(lines)), key=lambda row: -len(targets[row].units))
        for batch in self._batches(rows, sources, 1):
            batch_sources = [sources[row] for row in batch]
            batch_targets = [targets[row] for row in batch]
            encoded = self.ensemble.encode(self._source_batch(batch_sources))
            values = score_targets(
                self.ensemble, encoded, [target.units for target in batch_targets]
            )
            alignments = self._align(encoded, batch_sources, batch_targets)
            for row, log_probabilities, alignment in zip(batch, values, alignments, strict=True):
                scored = TranslatedHypothesis.of_reference(
                    references[row], targets[row].units, log_probabilities, self.config
                )
                translations[row] = Translation(
                    str(items[row]),
                    (scored,),
                    sources[row].cut or targets[row].cut,
                    alignment,
                    log_probabilities.tolist(),
                )
            progress(len(batch))
        return [translations[row] for row in range(len(lines))]

    def _empty_translation(self) -> Translation:
        """That of an empty line."""
        alignment = None if self.aligner is None else self.aligner.empty()
        return Translation("", (TranslatedHypothesis("", [], 0.0, 0.0, True),), False, alignment)

    def _encode(self, encoder: SideEncoder, items: list[Item], limit: int) -> list[EncodedLine]:
        """The first `limit` units of each item; their words only if there is an aligner."""
        split = None if self.aligner is None else words_of_characters
        return encode_lines(encoder, items, limit, split=split)

    def _batches(
        self, rows: Sequence[int], sources: list[EncodedLine], hypotheses: int
    ) -> list[list[int]]:
        """Rows in batches; hypotheses: decoder rows for each source."""
        widths = [self._width(source) for source in sources]
        return batches_of_one_width(rows, widths, self.config, hypotheses=hypotheses)

    def _target_line(self, hypothesis: Hypothesis) -> EncodedLine:
        """A hypothesis as a target line; its words only if there is an aligner."""
        tokens = hypothesis.tokens
        words = [] if self.aligner is None else self.tokenizers.target.words_of_ids(tokens)
        return EncodedLine(tokens, words)

    def _align(
        self, encoded: EncodedSources, sources: list[EncodedLine], targets: list[EncodedLine]
    ) -> Sequence[Alignment | None]:
        if self.aligner is None:
            return [None] * len(sources)
        return self.aligner.align(encoded, sources, targets)

    def _width(self, source: EncodedLine) -> int:
        """The padded width of a source with its end."""
        end = self.kind.end_length
        return padded_width(len(source.units) + end, longest=self.max_source + end)

    def _source_batch(self, sources: list[EncodedLine]) -> SourceBatch:
        """A batch of sources of one width."""
        return self.kind.batch([source.units for source in sources], self._width(sources[0]))
