"""Translates lines of text: n lines in, n lines out, in order."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.data.batching import batch_by_cost
from seq2seq.data.kinds.base import Item
from seq2seq.data.tokenizers import Encoder, Tokenizers
from seq2seq.data.words import words_of_characters
from seq2seq.decoding.config import DecodingConfig
from seq2seq.decoding.ensemble import EncodedSources, Ensemble
from seq2seq.decoding.hypotheses import Hypothesis
from seq2seq.decoding.length_penalty import penalty
from seq2seq.decoding.search import score_targets, search, sentence_seed
from seq2seq.errors import ConfigError
from seq2seq.evaluation.align import Aligner, Alignment
from seq2seq.evaluation.word_aligner import EncodedLine, encode_lines
from seq2seq.model.transformer import Transformer
from seq2seq.padding import UNK_ID, SourceBatch

WINDOW = 8192  # lines that are sorted by length and translated before the first of them comes out
WIDTHS = 4  # sources are padded to a multiple of it, alone or in company

Progress = Callable[[int], None]


def ignore(finished: int) -> None:
    """Progress that nobody looks at."""


@dataclass(frozen=True)
class Candidate:
    """One translation of a line: its detokenised text, and what `Hypothesis` says of it."""

    text: str
    tokens: list[int]
    log_probability: float
    score: float
    finished: bool


@dataclass(frozen=True)
class Translation:
    """What came of a line.

    Attributes:
        source: the line as given.
        n_best: translations, best first; at least one.
        cut: the line, or the translation given for it, was longer than the model allows and its end was left out.
        alignment: of the best translation, where wanted.
        token_log_probabilities: of each token of a given translation and of the sentence end after them.
    """

    source: str
    n_best: tuple[Candidate, ...]
    cut: bool = False
    alignment: Alignment | None = None
    token_log_probabilities: list[float] | None = None

    @property
    def text(self) -> str:
        return self.n_best[0].text

    @property
    def tokens(self) -> list[int]:
        return self.n_best[0].tokens

    @property
    def log_probability(self) -> float:
        return self.n_best[0].log_probability

    @property
    def score(self) -> float:
        return self.n_best[0].score


class Translator:
    """Models with their tokenizers, ready to translate.

    Sentences are decoded in batches of one width. How far a sentence is padded is a function of its length alone, so
    what comes out does not depend on the batch it was in (see `seq2seq.decoding.search`).

    Args:
        models: in evaluation mode; several make an ensemble.
        alignment: also align translations; see `Aligner`.

    Raises:
        ConfigError: an option is wrong, or alignments are insisted on that a model does not have.
    """

    def __init__(
        self,
        models: Sequence[Transformer],
        tokenizers: Tokenizers,
        config: DecodingConfig,
        alignment: AlignmentConfig | None = None,
    ) -> None:
        if problems := config.problems():
            raise ConfigError([f"decoding.{problem}" for problem in problems])
        self.ensemble, self.tokenizers, self.config = Ensemble(models), tokenizers, config
        self.aligner = Aligner.if_enabled(models, tokenizers, alignment)
        self.kind = tokenizers.source
        self.max_source = self.ensemble.max_source_length - self.kind.end_length
        self.max_target = self.ensemble.max_target_length - 1

    def translate(
        self,
        lines: Iterable[Item],
        *,
        prefixes: Sequence[str] | None = None,
        window: int = WINDOW,
        progress: Progress = ignore,
    ) -> Iterator[Translation]:
        """Translate lines without line breaks, in order.

        An empty line has an empty translation, of probability one.

        Args:
            prefixes: for each line, the text that its translation begins with.
            window: lines that are read, sorted by length and translated at once.
            progress: called with the number of lines that have just been finished.

        Raises:
            UserError: a minimum length or a prefix does not fit in the model's greatest length.
        """
        first = 0
        remaining = iter(lines)
        while batch := list(islice(remaining, window)):
            rows = slice(first, first + len(batch))
            yield from self._translate(
                batch, first, None if prefixes is None else prefixes[rows], progress
            )
            first += len(batch)

    def _translate(
        self, lines: list[Item], first: int, prefixes: Sequence[str] | None, progress: Progress
    ) -> list[Translation]:
        """Translate lines number first, first + 1, ..."""
        items = self.kind.items(lines)
        sides = self.encode(self.kind, items, self.max_source)
        blank = (Candidate("", [], 0.0, 0.0, True),)
        unaligned = None if self.aligner is None else self.aligner.empty()
        done = [Translation(str(item), blank, False, unaligned) for item in items]
        forced = None if prefixes is None else self.tokenizers.target.encode_batch(prefixes)
        waiting = [row for row, side in enumerate(sides) if len(side.units)]
        progress(len(lines) - len(waiting))
        waiting.sort(key=lambda row: -len(sides[row].units))
        for batch in self.batches(waiting, sides, self.config.hypotheses):
            sources = [sides[row] for row in batch]
            encoded = self.ensemble.encode(self.sources(sources))
            found = search(
                self.ensemble,
                encoded,
                self.config,
                banned_tokens=[] if self.config.allow_unknown else [UNK_ID],
                prefixes=None if forced is None else [forced[row] for row in batch],
                seeds=[sentence_seed(self.config.seed, first + row) for row in batch],
            )
            best = [self.produced(hypotheses[0]) for hypotheses in found]
            alignments = self.align(encoded, sources, best)
            for row, hypotheses, alignment in zip(batch, found, alignments, strict=True):
                n_best = tuple(self.candidate(hypothesis) for hypothesis in hypotheses)
                done[row] = Translation(str(items[row]), n_best, sides[row].cut, alignment)
            progress(len(batch))
        return done

    def score(
        self, lines: Iterable[Item], references: Iterable[str], *, progress: Progress = ignore
    ) -> Iterator[Translation]:
        """Score, and align if enabled, references instead of searching for translations."""
        pairs = zip(lines, references, strict=True)
        while window := list(islice(pairs, WINDOW)):
            yield from self._score(
                [line for line, _ in window], [reference for _, reference in window], progress
            )

    def _score(
        self, lines: list[Item], references: list[str], progress: Progress
    ) -> list[Translation]:
        items = self.kind.items(lines)
        sides = self.encode(self.kind, items, self.max_source)
        given = self.encode(self.tokenizers.target, references, self.max_target)
        done: list[Translation | None] = [None] * len(lines)
        for batch in self.batches(
            sorted(range(len(lines)), key=lambda row: -len(given[row].units)), sides, 1
        ):
            sources, targets = [sides[row] for row in batch], [given[row] for row in batch]
            encoded = self.ensemble.encode(self.sources(sources))
            values = score_targets(self.ensemble, encoded, [target.units for target in targets])
            alignments = self.align(encoded, sources, targets)
            for row, each, alignment in zip(batch, values, alignments, strict=True):
                total = float(each.sum())
                score = total / float(penalty(torch.tensor(float(len(each))), self.config))
                candidate = Candidate(references[row], given[row].units, total, score, True)
                cut = sides[row].cut or given[row].cut
                done[row] = Translation(
                    str(items[row]), (candidate,), cut, alignment, each.tolist()
                )
            progress(len(batch))
        return [translation for translation in done if translation is not None]

    def encode(self, encoder: Encoder, items: list[Item], limit: int) -> list[EncodedLine]:
        """The first `limit` units of each item; their words only if there is an aligner."""
        split = None if self.aligner is None else words_of_characters
        return encode_lines(encoder, items, limit, split=split)

    def batches(
        self, rows: Sequence[int], sides: list[EncodedLine], hypotheses: int
    ) -> list[list[int]]:
        """Group rows by width, widest first, into batches of about equal size that the options allow."""
        costs = [self.width(side) * hypotheses for side in sides]
        return batch_by_cost(
            sorted(rows, key=lambda row: -costs[row]),
            costs,
            self.config.batch_tokens,
            max_rows=self.config.batch_size,
            equal_costs=True,
        )

    def produced(self, hypothesis: Hypothesis) -> EncodedLine:
        words = (
            [] if self.aligner is None else self.tokenizers.target.words_of_ids(hypothesis.tokens)
        )
        return EncodedLine(hypothesis.tokens, words)

    def candidate(self, hypothesis: Hypothesis) -> Candidate:
        h = hypothesis
        return Candidate(
            self.tokenizers.target.decode(h.tokens),
            h.tokens,
            h.log_probability,
            h.score,
            h.finished,
        )

    def align(
        self, encoded: EncodedSources, sources: list[EncodedLine], targets: list[EncodedLine]
    ) -> Sequence[Alignment | None]:
        if self.aligner is None:
            return [None] * len(sources)
        return self.aligner.align(encoded, sources, targets)

    def width(self, source: EncodedLine) -> int:
        """Positions that a source takes, with its end and padding."""
        end = self.kind.end_length
        return min(-(-(len(source.units) + end) // WIDTHS) * WIDTHS, self.max_source + end)

    def sources(self, sides: list[EncodedLine]) -> SourceBatch:
        """Sources of one width."""
        return self.kind.batch([side.units for side in sides], self.width(sides[0]))
