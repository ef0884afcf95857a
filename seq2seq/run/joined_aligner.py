"""Two trained runs, one of each direction, that align sentence pairs together."""

from collections.abc import Iterator
from dataclasses import dataclass

from seq2seq.alignment.agree import agreed_links
from seq2seq.alignment.links import Links, swap_links
from seq2seq.alignment.symmetrize import SymmetrizeMethod, symmetrize
from seq2seq.data.sources.base import Pairs
from seq2seq.data.tokenizer import Split, Tokenizer, words_of_characters
from seq2seq.evaluation.align import Alignment, Side
from seq2seq.evaluation.translate import Progress
from seq2seq.run.model import Model


@dataclass
class Counts:
    """Links of words over all pairs: of either run on its own, of both, and those they make together."""

    forward: int = 0
    reverse: int = 0
    both: int = 0
    joined: int = 0

    @property
    def agreement(self) -> float:
        """2 |F n R| / (|F| + |R|)."""
        return 2 * self.both / max(self.forward + self.reverse, 1)


class JoinedAligner:
    """Aligns by the product of both runs' weights and makes the two directions' links one.

    The runs may have other tokenizers: links are of words.

    Args:
        forward: translates sources to targets.
        reverse: translates targets to sources.
        split: what is a word.

    Attributes:
        counts: of all that was aligned so far.
    """

    def __init__(
        self, forward: Model, reverse: Model, method: SymmetrizeMethod, split: Split = words_of_characters
    ) -> None:
        self.forward, self.reverse, self.method, self.split = forward, reverse, method, split
        self.counts = Counts()

    def align(self, pairs: Pairs, progress: Progress) -> Iterator[Links]:
        """The links of each pair, source to target.

        Args:
            progress: called with the number of sentences that one of the runs has just aligned.
        """
        there = self.alignments(self.forward, pairs.source, pairs.target, progress)
        back = self.alignments(self.reverse, pairs.target, pairs.source, progress)
        counts = self.counts
        for forward, reverse in zip(there, back, strict=True):
            links = symmetrize(*agreed_links(forward.word_weights, reverse.word_weights), self.method)
            own, swapped = forward.links, swap_links(reverse.links)
            counts.forward += len(own)
            counts.reverse += len(swapped)
            counts.both += len(own & swapped)
            counts.joined += len(links)
            yield links

    def alignments(self, model: Model, sources: list[str], targets: list[str], progress: Progress) -> list[Alignment]:
        """Given translations as one run aligns them. They are not scored, which would cost as much again."""
        translator = model.translator(alignments=True)
        source = self.encode(model.tokenizers.source, sources, translator.max_source)
        target = self.encode(model.tokenizers.target, targets, translator.max_target)
        found: list[Alignment | None] = [None] * len(sources)
        by_length = sorted(range(len(sources)), key=lambda row: -len(target[row].ids))
        for batch in translator.batches(by_length, source, 1):
            aligned = translator.align([source[row] for row in batch], [target[row] for row in batch])
            for row, alignment in zip(batch, aligned, strict=True):
                found[row] = alignment
            progress(len(batch))
        return [alignment for alignment in found if alignment is not None]

    def encode(self, tokenizer: Tokenizer, lines: list[str], most: int) -> list[Side]:
        """The first so many subwords of every line, with their words."""
        encoded = [tokenizer.word_of_piece(line, self.split) for line in lines]
        return [Side(ids[:most], words[:most]) for ids, words in encoded]
