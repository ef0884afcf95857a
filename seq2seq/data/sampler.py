"""The pairs of each micro-batch: a pure function of (lengths, seed, epoch).

Pairs of similar lengths share a bucket, and every batch of a bucket is padded to the bucket's
widths. Buckets come from splitting the plane of (source length, target length) in two repeatedly,
each time where it saves the most padding, so a few dozen shapes leave little to pad in any corpus.
Only the pairs of a batch within a bucket, and the order of the batches, are random.
"""

import heapq
import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seq2seq.data.batch_config import BatchConfig
from seq2seq.data.encoded import Ints
from seq2seq.errors import DataError

Shape = tuple[int, int, int]  # rows, source width, target width


@dataclass(frozen=True)
class Bucket:
    """Pairs that are padded to the same widths.

    Attributes:
        members: the distinct (source length, target length) in it, as rows of `unique_lengths`.
        count: number of pairs.
    """

    members: Ints
    count: int
    source_width: int
    target_width: int

    @property
    def padded(self) -> int:
        """Positions of all its pairs, padding included."""
        return self.count * (self.source_width + self.target_width)


@dataclass(frozen=True)
class PlannedBatch:
    """The numbers of a batch's pairs, and the widths that they are padded to."""

    rows: Ints
    source_width: int
    target_width: int

    @property
    def shape(self) -> Shape:
        return len(self.rows), self.source_width, self.target_width


class BatchPlan:
    """The batches of every epoch. Each pair is in one batch of an epoch.

    The number of batches is a multiple of world_size.
    """

    def __init__(
        self,
        source_lengths: Ints,
        target_lengths: Ints,
        config: BatchConfig,
        *,
        world_size: int = 1,
    ) -> None:
        """Args: source_lengths, target_lengths: (N,) of the training pairs, ends counted.

        Raises:
            DataError: no pairs, fewer pairs than ranks, or one longer than config.max_tokens.
        """
        longest = int(max(source_lengths.max(initial=0), target_lengths.max(initial=0)))
        if len(source_lengths) < world_size:
            raise DataError(
                f"each of {world_size} processes needs at least one training pair, but only "
                f"{len(source_lengths)} are left; give more data, or loosen data.filters, "
                "data.max_source_length and data.max_target_length"
            )
        if longest > config.max_tokens:
            raise DataError(
                f"data.batch.max_tokens: must hold the longest training pair, {longest}, but is "
                f"{config.max_tokens}; choose at least {longest}"
            )
        # Both lengths as one number, because sorting numbers is faster than sorting pairs.
        lengths = source_lengths * (longest + 1) + target_lengths
        distinct, number_of_row, counts = np.unique(
            lengths, return_inverse=True, return_counts=True
        )
        unique_lengths = np.stack(np.divmod(distinct, longest + 1), axis=1)
        self.buckets = split_buckets(
            unique_lengths,
            counts,
            max_buckets=config.max_shapes // 2,
            min_saved=config.max_tokens // 2,
        )
        self.batches_per_bucket = count_batches(self.buckets, config.max_tokens, world_size)
        bucket_of_lengths = np.empty(len(unique_lengths), np.int16)
        for number, bucket in enumerate(self.buckets):
            bucket_of_lengths[bucket.members] = number
        self._bucket_of_row = bucket_of_lengths[number_of_row.reshape(-1)]

    def __len__(self) -> int:
        """Batches of an epoch, over all ranks."""
        return sum(self.batches_per_bucket)

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
    """Buckets of pairs by their lengths.

    Args:
        unique_lengths: (K, 2) distinct source and target lengths.
        counts: (K,) number of pairs of each.
        min_saved: padded positions that a split must save, because every split leaves about one
            more batch that is not full.
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
        assert halves is not None, "a bucket that cannot be split saves nothing"
        push(halves[0])
        push(halves[1])
    return [bucket for _, _, bucket, _ in sorted(heap, key=lambda entry: entry[1])]


def bucket_of(members: Ints, unique_lengths: Ints, counts: Ints) -> Bucket:
    source_width, target_width = unique_lengths[members].max(axis=0)
    return Bucket(members, int(counts[members].sum()), int(source_width), int(target_width))


def best_split(bucket: Bucket, unique_lengths: Ints, counts: Ints) -> tuple[Bucket, Bucket] | None:
    """The two halves with the least padding, split between two source or two target lengths.

    None if all pairs have the same lengths.
    """
    best: tuple[int, Ints, int] | None = None
    for axis in (0, 1):
        order = np.argsort(unique_lengths[bucket.members, axis], kind="stable")
        members = bucket.members[order]
        lengths, rows = unique_lengths[members], counts[members]
        places = np.flatnonzero(np.diff(lengths[:, axis]))
        if len(places) == 0:
            continue
        padded = (
            padded_before(lengths, rows)[:-1] + padded_before(lengths[::-1], rows[::-1])[-2::-1]
        )
        place = int(places[np.argmin(padded[places])])
        if best is None or padded[place] < best[0]:
            best = (int(padded[place]), members, place + 1)
    if best is None:
        return None
    _, members, place = best
    first, second = members[:place], members[place:]
    return bucket_of(first, unique_lengths, counts), bucket_of(second, unique_lengths, counts)


def padded_before(lengths: Ints, rows: Ints) -> Ints:
    """(K,) padded positions of a bucket of the first 1, 2, ... of these lengths (K, 2)."""
    widths: NDArray[np.int64] = np.maximum.accumulate(lengths).sum(axis=1)
    return np.cumsum(rows) * widths


def count_batches(buckets: list[Bucket], max_tokens: int, world_size: int) -> list[int]:
    """Batches of about equal size for each bucket; in all a multiple of world_size."""
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
