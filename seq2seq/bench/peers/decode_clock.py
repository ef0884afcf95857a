"""The clock of peers that translate lines. They run it by its path, without this package."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Translate = Callable[[list[str]], list[str]]


def clocked(translate: Translate, request: dict[str, Any], started: float) -> None:
    """Translate the lines of a request, write the translations, and print the figures as JSON.

    Args:
        request: of `seq2seq.bench.decoding`.
        started: when the process was started, in seconds of `time.time`.
    """
    lines = Path(request["lines"]).read_text(encoding="utf-8").split("\n")[:-1]
    translate(lines[:1])
    start_seconds = time.time() - started
    translate(lines[: request["warm_up"]])
    begun, used = time.perf_counter(), time.process_time()
    translations = translate(lines)
    seconds, used = time.perf_counter() - begun, time.process_time() - used
    text = "".join(f"{line}\n" for line in translations)
    Path(request["output"]).write_text(text, encoding="utf-8")
    figures = {
        "sentences_per_second": len(lines) / seconds,
        "seconds": seconds,
        "processor_seconds": used,
        "start_seconds": start_seconds,
        **request["settings"],
    }
    print(json.dumps(figures))
