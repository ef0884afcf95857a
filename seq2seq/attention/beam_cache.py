"""A cache of keys and values that beam search reorders without copying them."""

import torch
from torch import Tensor

from seq2seq.attention.base import AttentionCache
from seq2seq.attention.cache import ROOM, KeyValueCache
from seq2seq.attention.patterns import not_after
from seq2seq.position.base import LogitBias

MOST_BEAMS = 16  # beyond it, reading the columns of all costs more than copying one's own


class BeamCache(AttentionCache):
    """Keys and values of a sentence's hypotheses side by side, in columns that all of them read.

    A step adds one column for each hypothesis and position. Hypotheses that continue others copy
    nothing: a hypothesis reads the columns that it continues, and the others at a logit of -inf. So
    the hypotheses of a sentence are further queries of the same keys.

    Shapes: N sentences, B hypotheses of each, C columns, T positions of a step; N B rows.

    Attributes:
        columns: keys and values (N, G, C, K).
        beams: the number B.
    """

    def __init__(self, columns: KeyValueCache) -> None:
        """Args: columns: empty, with one row for each sentence."""
        assert columns.length == 0, "an empty cache"
        self.columns, self.capacity = columns, columns.capacity
        self.length, self.beams = 0, 1
        self._by_sentence = True  # until rows are reordered that may be of any sentences
        self._positions: list[int] = []  # of the columns
        # (N B, C): 0 where a hypothesis reads a column, else -inf; None where all are read.
        self._unread: Tensor | None = None

    @property
    def rows(self) -> int:
        return self.columns.rows * self.beams

    def append(self, k: Tensor, v: Tensor) -> None:
        """Append T positions (N B, G, T, K) of every hypothesis."""
        added = k.size(2)
        self.columns.append(self.by_sentence(k), self.by_sentence(v))
        self._positions += list(range(self.length, self.length + added)) * self.beams
        self.length += added
        if self._unread is not None:
            own = torch.full((self.beams, self.beams), float("-inf"), device=k.device)
            own = own.fill_diagonal_(0).repeat_interleave(added, 1).repeat(self.columns.rows, 1)
            self._unread = torch.cat([self._unread, own], 1)

    def by_sentence(self, x: Tensor) -> Tensor:
        """(N B, heads, T, K) -> (N, heads, B T, K)."""
        by_beam: Tensor = x.unflatten(0, (self.columns.rows, self.beams))
        return by_beam.transpose(1, 2).flatten(2, 3)

    def by_hypothesis(self, x: Tensor) -> Tensor:
        """(N, heads, B T, K) -> (N B, heads, T, K)."""
        by_beam: Tensor = x.unflatten(2, (self.beams, -1))
        return by_beam.transpose(1, 2).flatten(0, 1)

    def offsets(self, queries: int, bias: LogitBias | None) -> Tensor | None:
        """Added to logits (N, H, B T, C) of the last T positions; broadcasts, None where all is 0.

        Args:
            queries: the number T.
            bias: of the logits, by positions.
        """
        unread = self._unread
        if queries == 1 and bias is None:
            return None if unread is None else unread.unflatten(0, (-1, 1, self.beams))
        j = torch.tensor(self._positions, device=self.columns.k.device)[None]
        i = torch.arange(self.length - queries, self.length, device=j.device)[:, None]
        future = torch.zeros(i.size(0), j.size(1), device=j.device)
        # (1, 1 or H, 1, T, C)
        offsets = future.masked_fill_(~not_after(i, j), float("-inf"))[None, None, None]
        if bias is not None:
            offsets = offsets + bias(i, j)[:, None]
        # (N, 1, B, 1, C)
        by_beam = 0.0 if unread is None else unread.unflatten(0, (-1, 1, self.beams, 1))
        return (offsets + by_beam).expand(-1, -1, self.beams, -1, -1).flatten(2, 3)

    def reorder(self, rows: Tensor) -> None:
        self._by_sentence = False
        if self._unread is None and self.beams == 1:
            self.columns.reorder(rows)
            return
        self.columns = self._copied(rows)
        self._positions = list(range(self.length))
        self._unread, self.beams = None, 1

    def _copied(self, rows: Tensor) -> KeyValueCache:
        """The keys and values that these rows read, one row for each."""
        k, v = self.columns.k, self.columns.v
        copy = KeyValueCache(
            len(rows), k.size(1), k.size(3), capacity=self.capacity, dtype=k.dtype, device=k.device
        )
        assert self._unread is not None
        # (rows, length), ascending; indexing puts the columns before the heads
        columns = (self._unread[rows] == 0).nonzero()[:, 1].view(len(rows), self.length)
        sentences = (rows // self.beams)[:, None]
        copy.append(*(x.transpose(1, 2)[sentences, columns].transpose(1, 2) for x in (k, v)))
        return copy

    def reorder_beams(self, rows: Tensor, sentences: Tensor | None) -> None:
        if rows.size(1) > MOST_BEAMS or not self._by_sentence:
            self.reorder(rows.flatten())
            return
        if self._unread is not None:
            self._unread = self._unread.index_select(0, rows.flatten())
        elif rows.size(1) > 1:
            seen = self.columns.length
            self._unread = torch.zeros(rows.numel(), seen, device=rows.device)
        if sentences is not None:
            self.columns.reorder(sentences)
        self.beams = rows.size(1)
        left = self.capacity - self.length
        self.columns.capacity = self.columns.length + left * self.beams
        self.columns.room = ROOM * self.beams

    def nbytes(self) -> int:
        return self.columns.nbytes() + (0 if self._unread is None else self._unread.nbytes)
