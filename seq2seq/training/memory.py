"""What to change when memory runs out."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from seq2seq.data.batch import Batch
from seq2seq.errors import UserError

SIGNS = ("out of memory", "not enough memory", "can't allocate memory")  # of torch's allocators


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch or Python says that memory ran out, on whichever device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in SIGNS)


@contextmanager
def explaining_memory(batch: Batch, remedy: str) -> Iterator[None]:
    """Raise UserError with the shape of a batch, and a remedy, if memory runs out in the block."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise UserError(
            f"out of memory with a batch of {len(batch)} sentence pairs of up to "
            f"{batch.source.padding.width} source and {batch.target.padding.width} target tokens; "
            f"{remedy}"
        ) from error
