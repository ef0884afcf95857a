"""Sources put together into batches that are decoded."""

from collections.abc import Sequence
from dataclasses import dataclass

from seq2seq.data.batching import batch_by_cost
from seq2seq.decoding.config import DecodingConfig
from seq2seq.decoding.search import sentence_seed
from seq2seq.evaluation.align import Alignment
from seq2seq.evaluation.encoded_line import EncodedLine
from seq2seq.evaluation.segmentations import Candidate
from seq2seq.evaluation.translation import TranslatedHypothesis

NARROW, NARROW_MULTIPLE = 16, 4  # source widths up to the first are multiples of the second


@dataclass(frozen=True)
class DecodingBatch:
    """Sources of one width to translate together, their prefixes and their seeds for sampling."""

    sources: list[EncodedLine]
    prefixes: list[list[int]] | None
    seeds: list[int]

    @classmethod
    def of(
        cls,
        candidates: Sequence[Candidate],
        seed: int,
        first: int,
        prefixes: Sequence[list[int]] | None,
    ) -> "DecodingBatch":
        """A batch of segmentations of some lines.

        Args:
            first: number of the first of all lines in their text.
            prefixes: of all lines.
        """
        return cls(
            [source for _, source in candidates],
            None if prefixes is None else [prefixes[line] for line, _ in candidates],
            [sentence_seed(seed, first + line) for line, _ in candidates],
        )


Translated = list[tuple[tuple[TranslatedHypothesis, ...], Alignment | None]]  # of a batch


def padded_width(units: int, *, longest: int) -> int:
    """The width of a source of this length; a function of it alone, at most `longest`.

    Multiples of 4 up to 16, of 8 up to 64, then four widths to each power of two. Long sentences
    are few, and a step takes about as long for ten of them as for one.
    """
    multiple = NARROW_MULTIPLE
    if units > NARROW:
        multiple = max(2 * NARROW_MULTIPLE, 1 << (units - 1).bit_length() >> 3)
    return min(-(-units // multiple) * multiple, longest)


def batches_of_one_width(
    rows: Sequence[int], widths: Sequence[int], config: DecodingConfig, *, hypotheses: int
) -> list[list[int]]:
    """Rows grouped by source width into batches of similar size, the most expensive batch first.

    So the last ones, which some workers spend without work, are short.

    Args:
        widths: of the source of each row.
        hypotheses: decoder rows for each source.
    """
    costs = [width * hypotheses for width in widths]
    batches = batch_by_cost(
        sorted(rows, key=lambda row: -costs[row]),
        costs,
        config.batch_tokens,
        max_rows=config.batch_size,
        equal_costs=True,
    )
    return sorted(batches, key=lambda batch: -len(batch) * costs[batch[0]])
