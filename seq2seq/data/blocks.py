"""Files that are verified block by block, each block when something in it is first read.

A file that may be large is not read when it is opened. Beside FILE lies FILE.blocks: the bytes of a
block as 8 bytes, little-endian, and the SHA-256 of each block. The manifest of their folder has the
size and hash of both; the hash of the list vouches for every block.
"""

import hashlib
import mmap
import os
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seq.errors import DataError

LIST_SUFFIX = ".blocks"
BLOCK_BYTES = 1 << 16
HEAD_BYTES = 1 << 14  # in which formats say what follows
SIZE_BYTES, DIGEST_BYTES = 8, 32  # in a list


def block_list(path: Path) -> Path:
    """The list of the blocks of a file."""
    return path.with_name(path.name + LIST_SUFFIX)


def save_blocks(path: Path) -> None:
    """Write the list of the blocks of a file beside it."""
    with path.open("rb") as file, block_list(path).open("wb") as blocks:
        blocks.write(BLOCK_BYTES.to_bytes(SIZE_BYTES, "little"))
        while block := file.read(BLOCK_BYTES):
            blocks.write(hashlib.sha256(block).digest())


class BlockFile:
    """A file mapped into memory, with a list of blocks that its manifest vouches for.

    Attributes:
        content: (size,) uint8, the mapped bytes. What is read of them must be verified before.
    """

    def __init__(self, path: Path) -> None:
        self._path, blocks = path, block_list(path).read_bytes()
        self._block = int.from_bytes(blocks[:SIZE_BYTES], "little")
        self._digests = blocks[SIZE_BYTES:]
        self._descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)
        mapped = mmap.mmap(self._descriptor, 0, access=mmap.ACCESS_READ)
        self.content: NDArray[np.uint8] = np.frombuffer(mapped, np.uint8)
        self._unverified = np.ones(len(self._digests) // DIGEST_BYTES, bool)
        self._num_unverified = len(self._unverified)

    def verify(self, begins: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
        """Verify the blocks that hold the bytes from begins[i] up to ends[i], for all i.

        Those that were verified before are not read again.

        Raises:
            DataError: a block is not what was written.
        """
        if self._num_unverified == 0:
            return
        present = ends > begins
        first, last = begins[present] // self._block, (ends[present] - 1) // self._block
        counts = last - first + 1
        numbers = np.arange(counts.sum()) + np.repeat(first - np.cumsum(counts) + counts, counts)
        for number in np.unique(numbers[self._unverified[numbers]]).tolist():
            self._verify(number)

    def verify_ends(self) -> None:
        """Verify what is not numbers: the head of a file and its last block."""
        size = len(self.content)
        self.verify(np.array([0, size - 1]), np.array([min(HEAD_BYTES, size), size]))

    def _verify(self, number: int) -> None:
        begin = number * self._block
        block = os.pread(self._descriptor, self._block, begin)  # an error here is no signal
        place = number * DIGEST_BYTES
        if hashlib.sha256(block).digest() != self._digests[place : place + DIGEST_BYTES]:
            raise DataError(
                f"{self._path}: block {number:,} (bytes {begin:,} to {begin + self._block:,}) is "
                "damaged: it is not what was written; start or resume with data.verify=true, which "
                "checks every block and prepares the corpus again"
            )
        self._unverified[number] = False
        self._num_unverified -= 1


class MappedArray:
    """An array in a mapped file that is verified as far as it is read.

    Args:
        array: (N, ...) rows that lie one after the other in the file's content.
        begin: of its first byte in the file.
    """

    def __init__(self, file: BlockFile, array: NDArray[Any], begin: int) -> None:
        self._file, self._array, self._begin = file, array, begin
        self.shape, self.dtype = array.shape, array.dtype
        self._row_bytes = array.itemsize * int(np.prod(array.shape[1:]))

    def __len__(self) -> int:
        return len(self._array)

    def whole(self) -> NDArray[Any]:
        """The array. Raises DataError where a block of it is damaged."""
        return self.verified(np.array([0]), np.array([len(self)]))

    def verified(self, begins: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[Any]:
        """The array, of which the rows from begins[i] up to ends[i] may be read.

        Raises:
            DataError: a block of these rows is damaged.
        """
        size, begin = self._row_bytes, self._begin
        self._file.verify(begin + begins * size, begin + ends * size)
        return self._array


def place_of(array: NDArray[Any], file: BlockFile) -> int:
    """Where in a file an array begins that is a view of its content."""
    first, start = (x.__array_interface__["data"][0] for x in (array, file.content))
    return int(first - start)
