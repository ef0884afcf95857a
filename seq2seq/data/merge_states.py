"""Partly merged words of byte pair encoding, numbered, so that many words are merged at once."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Ids = tuple[int, ...]
Merge = tuple[float, int, int]  # rank, place of the left symbol, what it gives
UNKNOWN = -1


class Numbers:
    """Whole numbers in an array to which more are appended."""

    def __init__(self) -> None:
        self._room, self._size = np.empty(1024, np.int64), 0

    @property
    def array(self) -> NDArray[np.int64]:
        """(N,) all of them; valid until there are more."""
        return self._room[: self._size]

    def extend(self, size: int) -> None:
        """Append UNKNOWN until there are so many."""
        if size > len(self._room):
            self._room = np.concatenate([self.array, np.empty(size, np.int64)])
        self._room[self._size : size] = UNKNOWN
        self._size = size


class MergeStates:
    """A state is a word as symbols, some of them merged. It is numbered when it is first met.

    What a merge makes of a state is found out when it is first done.

    Args:
        merges: those that are possible in a state, in their order.

    Attributes:
        ids: the symbols of each state.
    """

    def __init__(self, merges: Callable[[Ids], list[Merge]]) -> None:
        self._merges_of = merges
        self.ids: list[Ids] = []
        self._numbers: dict[Ids, int] = {}
        self._counts = Numbers()  # of possible merges, by state
        self._first = Numbers()  # merge of a state
        self._merges: list[tuple[int, int, int]] = []  # state, place, what it gives
        self._after = Numbers()  # state after each merge

    def __len__(self) -> int:
        return len(self.ids)

    def number(self, ids: Ids) -> int:
        """The number of a state."""
        number = self._numbers.setdefault(ids, len(self.ids))
        if number == len(self.ids):
            self.ids.append(ids)
        return number

    def merged(
        self, states: NDArray[np.int64], left_out: NDArray[np.int64], places: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """The states in which words are finished.

        Args:
            states: (W,) in which they begin.
            left_out: for the merges of each word in turn, how many possible ones it passes over. A
                word of which that leaves none is finished.
            places: (W,) where in `left_out` a word begins. It has a number for each symbol.
        """
        states, active, step = states.copy(), np.arange(len(states)), 0
        while len(active):
            present = states[active]
            self._find_merges(present)
            chosen = left_out[places[active] + step]
            merging = chosen < self._counts.array[present]
            active = active[merging]
            merges = self._first.array[present[merging]] + chosen[merging]
            self._do_merges(merges)
            states[active] = self._after.array[merges]
            step += 1
        return states

    def _find_merges(self, states: NDArray[np.int64]) -> None:
        """Find out what merges are possible in states of which that is unknown."""
        self._counts.extend(len(self.ids))
        self._first.extend(len(self.ids))
        unknown = np.unique(states[self._counts.array[states] == UNKNOWN])
        firsts = []
        for state in unknown.tolist():
            firsts.append(len(self._merges))
            merges = self._merges_of(self.ids[state])
            self._merges += [(state, place, merged) for _, place, merged in merges]
        self._first.array[unknown] = firsts
        self._counts.array[unknown] = np.diff(firsts, append=len(self._merges))
        self._after.extend(len(self._merges))

    def _do_merges(self, merges: NDArray[np.int64]) -> None:
        """Find out the states after merges of which that is unknown."""
        unknown = np.unique(merges[self._after.array[merges] == UNKNOWN])
        states = []
        for number in unknown.tolist():
            state, place, merged = self._merges[number]
            ids = self.ids[state]
            states.append(self.number((*ids[:place], merged, *ids[place + 2 :])))
        self._after.array[unknown] = states
