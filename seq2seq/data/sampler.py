"""Which rows make up which micro-batch: a pure function of (lengths, seed, epoch).

Rows of like lengths share a cell, and every batch of a cell is padded to the cell's widths. Cells are found by cutting
the plane of (source length, target length) in two again and again, each time where most padding is saved, so a few
dozen shapes leave little to pad whatever the corpus. Nothing else is random than which rows of a cell meet, and the
order of the batches.
"""

import heapq
import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seq2seq.data.config import BatchConfig
from seq2seq.errors import DataError

Ints = NDArray[np.int64]
Shape = tuple[int, int, int]  # rows, source width, target width


@dataclass(frozen=True)
class Cell:
    """Rows that are padded to the same widths.

    Attributes:
        kinds: which distinct (source length, target length) it holds.
        count: number of rows.
    """

    kinds: Ints
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
    """Every row is in exactly one batch of an epoch, and the number of batches is a multiple of world_size."""

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
                f"{len(source_lengths)} training pairs are left, but each of {world_size} processes needs at least "
                "one; give more data, or loosen data.filters and the greatest lengths"
            )
        if longest > config.max_tokens:
            raise DataError(
                f"data.batch.max_tokens: must hold the longest training pair, {longest}, but is {config.max_tokens}"
            )
        both = (
            source_lengths * (longest + 1) + target_lengths
        )  # one number, since sorting pairs is slow
        distinct, kind_of_row, counts = np.unique(both, return_inverse=True, return_counts=True)
        kinds = np.stack(np.divmod(distinct, longest + 1), axis=1)
        self.cells = cut(
            kinds, counts, most=config.max_shapes // 2, least_saved=config.max_tokens // 2
        )
        self.batches_of_cell = count_batches(self.cells, config.max_tokens, world_size)
        self._real = int(source_lengths.sum() + target_lengths.sum())
        cell_of_kind = np.empty(len(kinds), np.int16)
        for number, cell in enumerate(self.cells):
            cell_of_kind[cell.kinds] = number
        self._cell_of_row = cell_of_kind[kind_of_row.reshape(-1)]

    def __len__(self) -> int:
        """Batches of an epoch, over all ranks."""
        return sum(self.batches_of_cell)

    def shapes(self) -> set[Shape]:
        """Every shape that any epoch has: at most two a cell."""
        shapes = set()
        for cell, batches in zip(self.cells, self.batches_of_cell, strict=True):
            for rows in {cell.count // batches, -(-cell.count // batches)}:
                shapes.add((rows, cell.source_width, cell.target_width))
        return shapes

    def fill(self) -> float:
        """The share of padded tokens, source and target together, that is not padding."""
        return self._real / sum(cell.padded for cell in self.cells)

    def epoch(self, seed: int, epoch: int) -> list[PlannedBatch]:
        """The batches of an epoch in order: batch k of rank r is number k * world_size + r."""
        random = np.random.Generator(np.random.PCG64([seed, epoch]))
        rows = random.permutation(len(self._cell_of_row))
        rows = rows[np.argsort(self._cell_of_row[rows], kind="stable")]
        batches = []
        first = 0
        for cell, parts in zip(self.cells, self.batches_of_cell, strict=True):
            for part in np.array_split(rows[first : first + cell.count], parts):
                batches.append(PlannedBatch(part, cell.source_width, cell.target_width))
            first += cell.count
        return [batches[index] for index in random.permutation(len(batches))]


def cut(kinds: Ints, counts: Ints, *, most: int, least_saved: int) -> list[Cell]:
    """Cells of the distinct lengths `kinds` (K, 2) that stand in `counts` (K,) rows each.

    Args:
        most: cells.
        least_saved: padded tokens a cut must save, for every cut leaves about one more batch that is not full.
    """
    numbers = itertools.count()  # so that the heap never compares cells
    heap: list[tuple[int, int, Cell, tuple[Cell, Cell] | None]] = []

    def push(cell: Cell) -> None:
        halves = best_cut(cell, kinds, counts)
        saved = 0 if halves is None else cell.padded - halves[0].padded - halves[1].padded
        heapq.heappush(heap, (-saved, next(numbers), cell, halves))

    push(cell_of(np.arange(len(kinds)), kinds, counts))
    while len(heap) < most and -heap[0][0] >= max(least_saved, 1):
        halves = heapq.heappop(heap)[3]
        assert halves is not None
        push(halves[0])
        push(halves[1])
    return [cell for _, _, cell, _ in sorted(heap, key=lambda entry: entry[1])]


def cell_of(members: Ints, kinds: Ints, counts: Ints) -> Cell:
    source_width, target_width = kinds[members].max(axis=0)
    return Cell(members, int(counts[members].sum()), int(source_width), int(target_width))


def best_cut(cell: Cell, kinds: Ints, counts: Ints) -> tuple[Cell, Cell] | None:
    """The least padded two halves, cut between two source or two target lengths; None if all rows are of one kind."""
    best: tuple[int, Ints, int] | None = None
    for axis in (0, 1):
        members = cell.kinds[np.argsort(kinds[cell.kinds, axis], kind="stable")]
        lengths, rows = kinds[members], counts[members]
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
    return cell_of(members[:place], kinds, counts), cell_of(members[place:], kinds, counts)


def count_batches(cells: list[Cell], max_tokens: int, world_size: int) -> list[int]:
    """How many batches each cell is dealt into, evenly; in all a multiple of world_size."""
    batches = [
        -(-cell.count // (max_tokens // max(cell.source_width, cell.target_width)))
        for cell in cells
    ]
    for _ in range(-sum(batches) % world_size):
        fullest = max(range(len(cells)), key=lambda number: cells[number].count / batches[number])
        batches[fullest] += 1
    return batches
