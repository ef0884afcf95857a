"""The file operations of a process, counted, one of which may be the last that it does."""

import builtins
import errno
import io
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seq2seq.files import durable

PLACES = (
    *((os, name) for name in ("replace", "rename", "unlink", "remove", "rmdir", "mkdir", "fsync")),
    (durable, "_exchange"),
)
WRITING = set("wax+")
NEEDS_ROOM = ("open", "mkdir", "fsync")


Moment = tuple[int, str]  # number of an operation, and "before" or "after"


class Operations:
    """Counts what the main thread does to files below a folder, and acts at one operation.

    Args:
        root: of the files that count.
        acts: what to do before or after an operation, by its number from 0 and that word.
        log: gets a line for each operation.
    """

    def __init__(self, root: Path, acts: dict[Moment, Callable[["Operations"], None]], log: Path):
        self.root, self.acts, self.count = str(root), acts, 0
        self._log = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self._full = False

    def install(self) -> None:
        """Observe this process until it ends."""
        for owner, name in PLACES:
            setattr(owner, name, self._observed(name, getattr(owner, name)))
        opened = self._observed("open", io.open)
        io.open = builtins.open = opened  # type: ignore[assignment]

    def _observed(self, name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if not self._counts(name, arguments, options):
                return operation(*arguments, **options)
            number, self.count = self.count, self.count + 1
            os.write(self._log, f"{name} {self._place(arguments[0])}\n".encode())
            self._act(number, "before")
            if self._full and name in NEEDS_ROOM:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            try:
                return operation(*arguments, **options)
            finally:
                self._act(number, "after")

        return call

    def _counts(self, name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> bool:
        if threading.current_thread() is not threading.main_thread():
            return False
        if name == "open":
            mode = arguments[1] if len(arguments) > 1 else options.get("mode", "r")
            if not WRITING & set(mode) or isinstance(arguments[0], int):
                return False
        return "dir_fd" in options or self._place(arguments[0]).startswith(self.root)

    @staticmethod
    def _place(target: Any) -> str:
        if isinstance(target, int):
            return os.readlink(f"/proc/self/fd/{target}")
        return os.path.abspath(os.fspath(target))

    def _act(self, number: int, when: str) -> None:
        if act := self.acts.pop((number, when), None):
            act(self)

    def kill(self) -> None:
        """End this process at once; nothing of Python runs afterwards."""
        os.kill(os.getpid(), signal.SIGKILL)

    def terminate(self) -> None:
        """Ask this process to stop."""
        os.kill(os.getpid(), signal.SIGTERM)

    def fill(self) -> None:
        """Let the disk be full until the process ends; the system names no path then."""
        self._full = True
