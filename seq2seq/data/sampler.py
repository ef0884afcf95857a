"""Which rows make up which micro-batch: a pure function of (lengths, seed, epoch).

Rows of similar lengths share a bucket, and every batch of a bucket is padded to the widths of the
bucket. Buckets come from splitting the plane of (source length, target length) again and again,
each time where it saves most padding, so a few dozen shapes leave little padding whatever the
corpus. Only two things are random: which rows of a bucket meet, and the order of the batches.
"""

import heapq
import itertools
from dataclasses import dataclass

import numpy as np

from seq2seq.data.config import BatchConfig
from seq2seq.data.encoded import Ints
from seq2seq.errors import DataError

Shape = tuple[int, int, int]  # rows, source width, target width


@dataclass(frozen=True)
class Bucket:
    """Rows that are padded to the same widths.

    Attributes:
        unique_lengths: indices of the distinct (source length, target length) that it holds.
        count: number of rows.
    """

    unique_lengths: Ints
    count: int
    source_width: int
    target_width: int

    @property
    def padded(self) -> int:
        """Tokens of all its rows, padding included."""
        return self.count * (self.source_width + self.target_width)


@dataclass(frozen=True)
class PlannedBatch:
    rows: Ints
    source_width: int
    target_width: int

    @property
    def shape(self) -> Shape:
        return len(self.rows), self.source_width, self.target_width


class BatchPlan:
    """Batches of an epoch: every row is in exactly one, and their number divides by world_size."""

    def __init__(
        self,
        source_lengths: Ints,
        target_lengths: Ints,
        config: BatchConfig,
        *,
        world_size: int = 1,
    ) -> None:
        """Args: source_lengths, target_lengths: (N,) of the training rows, in subwords with </s>.

        Raises:
            DataError: no rows, fewer rows than ranks, or a row longer than config.max_tokens.
        """
        longest = int(max(source_lengths.max(initial=0), target_lengths.max(initial=0)))
        if len(source_lengths) < world_size:
            raise DataError(
                f"each of {world_size} processes needs at least one training pair, but only "
                f"{len(source_lengths)} are left; give more data, or loosen data.filters and the "
                "greatest lengths"
            )
        if longest > config.max_tokens:
            raise DataError(
                f"data.batch.max_tokens: must hold the longest training pair, {longest}, but is "
                f"{config.max_tokens}"
            )
        # One number for a pair of lengths, because sorting pairs is slow.
        both = source_lengths * (longest + 1) + target_lengths
        distinct, pair_of_row, counts = np.unique(both, return_inverse=True, return_counts=True)
        unique_lengths = np.stack(np.divmod(distinct, longest + 1), axis=1)
        self.buckets = split_buckets(
            unique_lengths,
            counts,
            max_buckets=config.max_shapes // 2,
            min_saved=config.max_tokens // 2,
        )
        self.batches_per_bucket = count_batches(self.buckets, config.max_tokens, world_size)
        self._real = int(source_lengths.sum() + target_lengths.sum())
        bucket_of_pair = np.empty(len(unique_lengths), np.int16)
        for number, bucket in enumerate(self.buckets):
            bucket_of_pair[bucket.unique_lengths] = number
        self._bucket_of_row = bucket_of_pair[pair_of_row.reshape(-1)]

    def __len__(self) -> int:
        """Batches of an epoch, over all ranks."""
        return sum(self.batches_per_bucket)

    def shapes(self) -> set[Shape]:
        """Every shape that any epoch has: at most two per bucket."""
        shapes = set()
        for bucket, batches in zip(self.buckets, self.batches_per_bucket, strict=True):
            for rows in {bucket.count // batches, -(-bucket.count // batches)}:
                shapes.add((rows, bucket.source_width, bucket.target_width))
        return shapes

    def padding_efficiency(self) -> float:
        """Share of real tokens among all of a padded epoch, source and target together."""
        return self._real / sum(bucket.padded for bucket in self.buckets)

    def epoch(self, seed: int, epoch: int) -> list[PlannedBatch]:
        """The batches of an epoch in order: batch k of rank r is number k * world_size + r."""
        random = np.random.Generator(np.random.PCG64([seed, epoch]))
        rows = random.permutation(len(self._bucket_of_row))
        rows = rows[np.argsort(self._bucket_of_row[rows], kind="stable")]
        batches = []
        first = 0
        for bucket, parts in zip(self.buckets, self.batches_per_bucket, strict=True):
            for part in np.array_split(rows[first : first + bucket.count], parts):
                batches.append(PlannedBatch(part, bucket.source_width, bucket.target_width))
            first += bucket.count
        return [batches[index] for index in random.permutation(len(batches))]


def split_buckets(
    unique_lengths: Ints, counts: Ints, *, max_buckets: int, min_saved: int
) -> list[Bucket]:
    """Buckets of the distinct pairs of lengths (K, 2), of which each occurs in `counts` (K,) rows.

    Args:
        max_buckets: where splitting ends.
        min_saved: padded tokens that a split must save; each split adds about one batch that is
            not full.
    """
    numbers = itertools.count()  # so that the heap never compares buckets
    heap: list[tuple[int, int, Bucket, tuple[Bucket, Bucket] | None]] = []

    def push(bucket: Bucket) -> None:
        halves = best_split(bucket, unique_lengths, counts)
        saved = 0 if halves is None else bucket.padded - halves[0].padded - halves[1].padded
        heapq.heappush(heap, (-saved, next(numbers), bucket, halves))

    push(bucket_of(np.arange(len(unique_lengths)), unique_lengths, counts))
    while len(heap) < max_buckets and -heap[0][0] >= max(min_saved, 1):
        halves = heapq.heappop(heap)[3]
        assert halves is not None
        push(halves[0])
        push(halves[1])
    return [bucket for _, _, bucket, _ in sorted(heap, key=lambda entry: entry[1])]


def bucket_of(members: Ints, unique_lengths: Ints, counts: Ints) -> Bucket:
    source_width, target_width = unique_lengths[members].max(axis=0)
    return Bucket(members, int(counts[members].sum()), int(source_width), int(target_width))


def best_split(bucket: Bucket, unique_lengths: Ints, counts: Ints) -> tuple[Bucket, Bucket] | None:
    """The two halves with least padding, split between two source or two target lengths.

    None if all rows have the same lengths.
    """
    best: tuple[int, Ints, int] | None = None
    for axis in (0, 1):
        members = bucket.unique_lengths[
            np.argsort(unique_lengths[bucket.unique_lengths, axis], kind="stable")
        ]
        lengths, rows = unique_lengths[members], counts[members]
        below = np.cumsum(rows)[:-1] * np.maximum.accumulate(lengths)[:-1].sum(axis=1)
        above = np.cumsum(rows[::-1])[::-1][1:] * np.maximum.accumulate(lengths[::-1])[::-1][
            1:
        ].sum(axis=1)
        places = np.flatnonzero(np.diff(lengths[:, axis]))
        if len(places) == 0:
            continue
        place = int(places[np.argmin((below + above)[places])])
        padded = int((below + above)[place])
        if best is None or padded < best[0]:
            best = (padded, members, place + 1)
    if best is None:
        return None
    _, members, place = best
    return bucket_of(members[:place], unique_lengths, counts), bucket_of(
        members[place:], unique_lengths, counts
    )


def count_batches(buckets: list[Bucket], max_tokens: int, world_size: int) -> list[int]:
    """How many batches each bucket is dealt into, evenly; in all a multiple of world_size."""
    batches = [
        -(-bucket.count // (max_tokens // max(bucket.source_width, bucket.target_width)))
        for bucket in buckets
    ]
    for _ in range(-sum(batches) % world_size):
        fullest = max(
            range(len(buckets)), key=lambda number: buckets[number].count / batches[number]
        )
        batches[fullest] += 1
    return batches
