"""Processes of this package that belong to the one that started them."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import BinaryIO

from seq2seq.stopping import LIFELINE, unanswered


def start_child(
    command: Sequence[str],
    *,
    output: BinaryIO | None = None,
    folder: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> "subprocess.Popen[bytes]":
    """Start a command of this package, which answers signals once it has its handlers.

    Its standard input ends when this process does, however that happens, and it then stops: on
    every platform, and unlike a signal of the kernel also if the thread that started it ends first.

    Args:
        output: gets all that it prints; None for the streams of this process.
        folder: in which it works; None for the present one.
        environment: further variables.
    """
    variables = {**os.environ, **(environment or {}), LIFELINE: "1"}
    with unanswered():
        return subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=variables,
        )
