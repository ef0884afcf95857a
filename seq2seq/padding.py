"""Right-padded batches, described by lengths.

Every mask in the project is derived here, and True means "real".
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


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
        ids: (B, width) int64; what stands in padded positions is never read.
        padding: of the same width.
    """

    ids: Tensor
    padding: Padding

    @classmethod
    def of(cls, rows: list[list[int]], *, pad_id: int, width: int | None = None) -> "Tokens":
        """Pad lists of ids on the right, to the longest or to `width`."""
        lengths = torch.tensor([len(row) for row in rows], dtype=torch.long)
        width = max((len(row) for row in rows), default=0) if width is None else width
        ids = torch.full((len(rows), width), pad_id, dtype=torch.long)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = torch.tensor(row, dtype=torch.long)
        return cls(ids, Padding(lengths, width))

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

    def to(self, device: torch.device | str) -> "Features":
        return Features(self.values.to(device), self.padding.to(device))


SourceBatch = Tokens | Features  # what an encoder's frontend reads
