"""Two trained runs, one of each direction, that align sentence pairs together; or one of both."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seq2seq.alignment.joint import bidirectional_links, joint_weights
from seq2seq.alignment.lexicon import ROUNDS, Lexicon
from seq2seq.alignment.links import Links
from seq2seq.alignment.symmetrize import SymmetrizeMethod, symmetrize
from seq2seq.bundle.model import Model
from seq2seq.bundle.together import Together, ensure_together, marks_sources
from seq2seq.data.sources.base import Pairs
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.data.words import WordSplit, split_text, words_of_characters
from seq2seq.evaluation.translate import LINE_WINDOW, ProgressCallback
from seq2seq.evaluation.word_aligner import WordAligner, uses_source_mean
from seq2seq.progress import ProgressReport


class BidirectionalAligner:
    """Aligns by the product of both models' word weights.

    The models may have different tokenizers, since links are between words.

    Args:
        forward: translates sources to targets; read at the layer and heads of its `alignment`.
        reverse: translates targets to sources; may be `forward` if it was trained on both
            directions.
        split: what is a word.

    Raises:
        ConfigError: the sources of a model are not text, or the directions are not opposite.
    """

    def __init__(
        self, forward: Model, reverse: Model, split: WordSplit = words_of_characters
    ) -> None:
        ensure_together(Together.opposite, [forward.members[0], reverse.members[0]])
        self.forward, self.reverse, self.split = forward, reverse, split
        marks = marks_sources(forward.members[0], reverse.members[0])
        self.reverse_tokenizers = reverse.tokenizers.with_marks() if marks else reverse.tokenizers

    def joint_weights(self, pairs: Pairs, progress: ProgressCallback) -> list[NDArray[np.float32]]:
        """Joint weights (target words, source words) of each pair.

        Args:
            progress: called with the number of sentences that one of the models has just aligned.
        """
        sides = pairs.source, pairs.target
        forward = self._word_weights(self.forward, self.forward.tokenizers, *sides, progress)
        reverse = self._word_weights(self.reverse, self.reverse_tokenizers, *sides[::-1], progress)
        return [joint_weights(*tables) for tables in zip(forward, reverse, strict=True)]

    def links(
        self,
        pairs: Pairs,
        weights: Sequence[NDArray[np.float32]],
        method: SymmetrizeMethod,
        *,
        lexicon: Lexicon | None,
        threshold: float = 0.0,
    ) -> Iterator[Links]:
        """Symmetrized (source word, target word) links of each pair.

        Args:
            weights: the joint weights of these pairs.
            lexicon: of words by this aligner's split, if any.
            threshold: minimum link probability; see `bidirectional_links`.
        """
        for source, target, table in zip(pairs.source, pairs.target, weights, strict=True):
            association = (
                None
                if lexicon is None
                else lexicon.association(self.words(source), self.words(target))
            )
            yield symmetrize(*bidirectional_links(table, association, threshold=threshold), method)

    def learn_lexicon(
        self, text: Pairs, *, every: float = 5.0, shown: bool = True
    ) -> tuple[list[NDArray[np.float32]], Lexicon]:
        """The joint weights of a text, and the lexicon of what they link.

        Args:
            every, shown: of the progress report; see `ProgressReport`.
        """
        with ProgressReport(
            "aligning", 2 * len(text), every=every, unit=" sentences", shown=shown
        ) as report:
            windows = (
                text.slice(first, first + LINE_WINDOW) for first in range(0, len(text), LINE_WINDOW)
            )
            weights = [
                table for window in windows for table in self.joint_weights(window, report.advance)
            ]
        source, target = (
            [self.words(line) for line in side] for side in (text.source, text.target)
        )
        with ProgressReport(
            "learning a lexicon", ROUNDS * len(text), every=every, unit=" pairs", shown=shown
        ) as report:
            return weights, Lexicon.learn(weights, source, target, progress=report.advance)

    def words(self, line: str) -> list[str]:
        """The words of a line by this aligner's split."""
        return split_text(line, self.split)

    def _word_weights(
        self,
        model: Model,
        tokenizers: Tokenizers,
        sources: list[str],
        targets: list[str],
        progress: ProgressCallback,
    ) -> list[Tensor]:
        """(target words, source words) of each pair by one model. Nothing is scored."""
        config = model.checked_alignment()
        aligner = WordAligner.of(model.models, tokenizers, config)
        tables = aligner.tables(
            sources,
            targets,
            split=self.split,
            source_mean=uses_source_mean(config.method),
            progress=progress,
        )
        weights = {row: table[0, 0, 0] for row, table in tables}
        return [weights[row] for row in range(len(sources))]
