"""Items of an iterator made in a thread, some of them before they are asked for."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class End:
    """What follows the last item.

    Attributes:
        error: that kept the iterator from giving a next one.
    """

    error: BaseException | None = None


class Ahead(Generic[T]):
    """The same items in the same order. At most `count` of them wait, and one is being made.

    An error comes up where its item is asked for. The thread ends with the iteration; it does not
    outlive the process.
    """

    def __init__(self, items: Iterator[T], count: int) -> None:
        """Args: count: 0 makes each item when it is asked for, in the thread that asks."""
        self._items, self._count = items, count

    def __iter__(self) -> Iterator[T]:
        if self._count == 0:
            yield from self._items
            return
        waiting: Queue[T | End] = Queue(self._count)
        stopped = Event()
        thread = Thread(target=self._make, args=(waiting, stopped), daemon=True)
        thread.start()
        try:
            while not isinstance(item := waiting.get(), End):
                yield item
            if item.error is not None:
                raise item.error
        finally:
            if not sys.is_finalizing():  # when threads stand still, and end with the process
                stopped.set()
                empty(waiting)  # so that a thread that waits for room goes on to its end
                thread.join()

    def _make(self, waiting: "Queue[T | End]", stopped: Event) -> None:
        try:
            for item in self._items:
                waiting.put(item)
                if stopped.is_set():
                    return
            waiting.put(End())
        except BaseException as error:
            waiting.put(End(error))


def empty(queue: "Queue[T]") -> None:
    """Take all that is in a queue."""
    try:
        while True:
            queue.get_nowait()
    except Empty:
        return
