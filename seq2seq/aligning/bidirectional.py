"""Two trained runs, one of each direction, that align sentence pairs together."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seq2seq.alignment.joint import bidirectional_links, joint_weights
from seq2seq.alignment.lexicon import ROUNDS, Lexicon
from seq2seq.alignment.links import Links
from seq2seq.alignment.symmetrize import SymmetrizeMethod, symmetrize
from seq2seq.bundle.model import Model
from seq2seq.data.sources.base import Pairs
from seq2seq.data.tokenizer import Split, Tokenizer, split_text, words_of_characters
from seq2seq.evaluation.align import Side
from seq2seq.evaluation.translate import WINDOW, Progress
from seq2seq.progress import ProgressReport


class BidirectionalAligner:
    """Aligns by the product of both runs' weights. The runs may have other tokenizers: links are of words.

    Args:
        forward: translates sources to targets.
        reverse: translates targets to sources.
        split: what is a word.
    """

    def __init__(self, forward: Model, reverse: Model, split: Split = words_of_characters) -> None:
        self.forward, self.reverse, self.split = forward, reverse, split

    def products(self, pairs: Pairs, progress: Progress) -> list[NDArray[np.float32]]:
        """What both runs give the words of each pair; see `joint_weights`.

        Args:
            progress: called with the number of sentences that one of the runs has just aligned.
        """
        there = self.alignments(self.forward, pairs.source, pairs.target, progress)
        back = self.alignments(self.reverse, pairs.target, pairs.source, progress)
        return [joint_weights(*tables) for tables in zip(there, back, strict=True)]

    def links(
        self,
        pairs: Pairs,
        products: Sequence[NDArray[np.float32]],
        method: SymmetrizeMethod,
        *,
        lexicon: Lexicon | None,
        threshold: float = 0.0,
    ) -> Iterator[Links]:
        """The links of each pair, source to target, the two directions made one.

        Args:
            products: of these pairs.
            lexicon: of words as this aligner has them, if any.
            threshold: of the chance of a link; see `bidirectional_links`.
        """
        for source, target, product in zip(pairs.source, pairs.target, products, strict=True):
            association = (
                None
                if lexicon is None
                else lexicon.association(self.words(source), self.words(target))
            )
            yield symmetrize(
                *bidirectional_links(product, association, threshold=threshold), method
            )

    def learn(
        self, text: Pairs, *, every: float = 5.0, shown: bool = True
    ) -> tuple[list[NDArray[np.float32]], Lexicon]:
        """The products of a whole text, and what its pairs say of each other.

        Args:
            every, shown: of the report on how far that is; see `ProgressReport`.
        """
        with ProgressReport(
            "aligning", 2 * len(text), every=every, unit=" sentences", shown=shown
        ) as report:
            windows = (text.slice(first, first + WINDOW) for first in range(0, len(text), WINDOW))
            products = [
                product for some in windows for product in self.products(some, report.advance)
            ]
        sides = ([self.words(line) for line in side] for side in (text.source, text.target))
        rounds = ROUNDS * len(text)
        with ProgressReport(
            "learning a lexicon", rounds, every=every, unit=" pairs", shown=shown
        ) as report:
            return products, Lexicon.learned(products, *sides, progress=report.advance)

    def words(self, line: str) -> list[str]:
        return split_text(line, self.split)

    def alignments(
        self, model: Model, sources: list[str], targets: list[str], progress: Progress
    ) -> list[Tensor]:
        """Weights of the words of given translations, from one run. They are not scored, which costs as much again."""
        translator = model.translator(alignments=True)
        source = self.encode(model.tokenizers.source, sources, translator.max_source)
        target = self.encode(model.tokenizers.target, targets, translator.max_target)
        found: list[Tensor | None] = [None] * len(sources)
        by_length = sorted(range(len(sources)), key=lambda row: -len(target[row].ids))
        for batch in translator.batches(by_length, source, 1):
            aligned = translator.align(
                [source[row] for row in batch], [target[row] for row in batch]
            )
            for row, alignment in zip(batch, aligned, strict=True):
                found[row] = None if alignment is None else alignment.word_weights
            progress(len(batch))
        return [weights for weights in found if weights is not None]

    def encode(self, tokenizer: Tokenizer, lines: list[str], most: int) -> list[Side]:
        """The first so many subwords of every line, with their words."""
        encoded = [tokenizer.word_of_piece(line, self.split) for line in lines]
        return [Side(ids[:most], words[:most]) for ids, words in encoded]
