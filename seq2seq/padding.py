"""Right-padded batches, described by lengths, and the special ids that frame their rows.

Every mask in the project is derived here; True means real, False means padded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

UNK_ID, PAD_ID, BOS_ID, EOS_ID = range(4)  # in every vocabulary: unknown, padding, <s> and </s>


@dataclass(frozen=True)
class Padding:
    """A right-padded batch: row b is real for its first lengths[b] positions.

    Attributes:
        lengths: (B,) integers between 0 and width.
        width: number of positions in every row.
    """

    lengths: Tensor
    width: int

    @cached_property
    def _valid(self) -> Tensor:
        return torch.arange(self.width, device=self.lengths.device) < self.lengths[:, None]

    def valid(self) -> Tensor:
        """(B, width) boolean, True where real."""
        return self._valid

    def key_mask(self) -> Tensor:
        """(B, 1, 1, width) boolean, True where a key may be read."""
        return self._valid[:, None, None, :]

    def select(self, rows: Tensor) -> "Padding":
        """The padding of a batch whose row i is row rows[i] of this one."""
        return Padding(self.lengths[rows], self.width)

    def to(self, device: torch.device | str) -> "Padding":
        return Padding(self.lengths.to(device), self.width)


@dataclass(frozen=True)
class Tokens:
    """Token ids with their padding.

    Attributes:
        ids: (B, width) int64; ids in padded positions are never read.
        padding: of the same width.
    """

    ids: Tensor
    padding: Padding

    @classmethod
    def of(
        cls, rows: Sequence[Sequence[int]], *, pad_id: int = PAD_ID, width: int | None = None
    ) -> "Tokens":
        """Pad lists of ids on the right, to the longest or to `width`."""
        lengths = torch.tensor([len(row) for row in rows], dtype=torch.long)
        width = max((len(row) for row in rows), default=0) if width is None else width
        ids = torch.full((len(rows), width), pad_id, dtype=torch.long)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = torch.tensor(row, dtype=torch.long)
        return cls(ids, Padding(lengths, width))

    @classmethod
    def with_end(cls, ids: Tensor, lengths: Tensor, *, width: int | None = None) -> "Tokens":
        """Rows of subwords with the </s> that follows sources and labels.

        Args:
            ids: of all rows, one after the other.
            lengths: (B,) number of ids of each row.
            width: positions to pad to, </s> counted; None takes the longest.
        """
        padding = Padding(lengths + 1, int(lengths.max()) + 1 if width is None else width)
        assert int(lengths.max()) < padding.width, "a row is longer than the width"
        positions = torch.arange(padding.width)
        grid = torch.full((len(lengths), padding.width), PAD_ID, dtype=torch.long)
        grid[positions < lengths[:, None]] = ids.long()
        grid[positions == lengths[:, None]] = EOS_ID
        return cls(grid, padding)

    @classmethod
    def source(cls, rows: Sequence[Sequence[int]], *, width: int | None = None) -> "Tokens":
        """What the encoder reads: each row of subwords and </s>. `width` counts the </s>."""
        ids = torch.tensor([index for row in rows for index in row], dtype=torch.long)
        return cls.with_end(ids, torch.tensor([len(row) for row in rows]), width=width)

    @classmethod
    def labels(cls, rows: Sequence[Sequence[int]]) -> "Tokens":
        """What the decoder predicts: each row of subwords and </s>."""
        return cls.source(rows)

    @classmethod
    def target(cls, rows: Sequence[Sequence[int]]) -> "Tokens":
        """What the decoder reads: <s> and each row of subwords."""
        return cls.labels(rows).decoder_input()

    def decoder_input(self) -> "Tokens":
        """What the decoder reads to predict these labels: <s>, and each row without its </s>."""
        ids = self.ids.roll(1, dims=1)
        ids[:, 0] = BOS_ID
        return Tokens(ids.masked_fill_(ids == EOS_ID, PAD_ID), self.padding)

    def select(self, rows: Tensor) -> "Tokens":
        """A batch whose row i is row rows[i] of this one."""
        return Tokens(self.ids[rows], self.padding.select(rows))

    def to(self, device: torch.device | str) -> "Tokens":
        return Tokens(self.ids.to(device), self.padding.to(device))


@dataclass(frozen=True)
class Features:
    """Frames of floats with their padding, such as those of speech.

    Attributes:
        values: (B, width, F) float32; padded frames are never read.
        padding: of the same width.
    """

    values: Tensor
    padding: Padding

    def select(self, rows: Tensor) -> "Features":
        """A batch whose row i is row rows[i] of this one."""
        return Features(self.values[rows], self.padding.select(rows))

    def to(self, device: torch.device | str) -> "Features":
        return Features(self.values.to(device), self.padding.to(device))


SourceBatch = Tokens | Features  # what an encoder's frontend reads
