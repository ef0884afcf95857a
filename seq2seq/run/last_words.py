"""What is told about the end of a process that trained together with others."""

import traceback
from dataclasses import dataclass

from seq2seq.errors import UserError, user_error
from seq2seq.stopping import stop_behind

LOST = ("gloo", "nccl", "closed by peer", "reset by peer", "broken pipe", "tcpstore", "socket")


@dataclass(frozen=True)
class LastWords:
    """Why a rank ended before its work was done.

    Attributes:
        text: the message, for a fault of the program with its traceback.
        exit_code: of the rank.
        stopped: the number of the signal that stopped it, 0 if none did.
        lost: it only lost the connection to another rank.
        is_fault: the message is no user's business.
    """

    text: str
    exit_code: int
    stopped: int = 0
    lost: bool = False
    is_fault: bool = False


def last_words(error: BaseException) -> LastWords:
    """What a rank tells about its end."""
    stopped = stop_behind(error)
    if stopped is not None:
        return LastWords("", stopped.exit_code, stopped=stopped.number)
    explained = user_error(error) if isinstance(error, Exception) else None
    kind = f"{type(error).__name__} {error}".lower()
    lost = not isinstance(error, UserError) and any(word in kind for word in LOST)
    if explained is not None:
        return LastWords(str(explained), explained.exit_code, lost=lost)
    text = "".join(traceback.format_exception(error))
    return LastWords(text, 1, lost=lost, is_fault=True)
