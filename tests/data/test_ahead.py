"""What is made ahead is what would have been made, and nothing of it is left behind."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from seq2seq.data.ahead import Ahead
from seq2seq.errors import DataError


class Source:
    """Numbers, and how many of them have been made."""

    def __init__(self, count: int, error: BaseException | None = None) -> None:
        self.count, self.error, self.made = count, error, 0

    def __iter__(self) -> Iterator[int]:
        for number in range(self.count):
            self.made += 1
            yield number
        if self.error is not None:
            raise self.error


def settled(source: Source) -> int:
    """What a source has made when it makes no more."""
    before = -1
    while before != source.made:
        before = source.made
        time.sleep(0.05)
    return before


@pytest.mark.parametrize("count", [0, 1, 4, 50])
def test_items_come_in_their_order(count: int) -> None:
    threads = threading.active_count()
    assert list(Ahead(iter(Source(20)), count)) == list(range(20))
    assert threading.active_count() == threads


@pytest.mark.parametrize("count", [0, 2])
def test_only_so_many_wait_and_leaving_ends_the_thread(count: int) -> None:
    source, threads = Source(100), threading.active_count()
    items = iter(Ahead(iter(source), count))
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    assert settled(source) == 3 + (count + 1 if count else 0)
    items.close()  # type: ignore[attr-defined]
    assert threading.active_count() == threads
    assert source.made < 10


@pytest.mark.parametrize("count", [0, 2])
@pytest.mark.parametrize("error", [DataError("block 3 is damaged"), KeyboardInterrupt("stop")])
def test_an_error_comes_where_its_item_would(count: int, error: BaseException) -> None:
    items = iter(Ahead(iter(Source(3, error)), count))
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(type(error), match=str(error)):
        next(items)


@pytest.mark.parametrize("last", ["raise SystemExit(3)", "os.kill(os.getpid(), 9)"])
def test_a_process_ends_while_items_are_made(last: str) -> None:
    code = (
        "import itertools, os; from seq2seq.data.ahead import Ahead\n"
        f"items = iter(Ahead(itertools.count(), 2)); next(items); {last}"
    )
    ended = subprocess.run([sys.executable, "-c", code], timeout=60)
    assert ended.returncode in (3, -9)
