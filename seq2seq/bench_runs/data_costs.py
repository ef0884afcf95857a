"""A stage of the benchmark of data in a process of its own.

    python -m seq2seq.bench_runs.data_costs prepare|open OVERRIDE...

`prepare` prepares the corpus of a configuration. `open` opens it when it is ready, and reads
batches as training does. Either prints figures as JSON.
"""

import json
import sys
import time
from itertools import islice
from typing import Any

from seq2seq.bench_runs.count_steps import endless_data
from seq2seq.config.schema import RunConfig
from seq2seq.config.store import composed_run
from seq2seq.data.prepare import prepare

READ_BATCHES = 300


def prepared_figures(config: RunConfig) -> dict[str, Any]:
    """The speed of preparing, in training pairs."""
    started = time.perf_counter()
    corpus = prepare(config.data)
    seconds = time.perf_counter() - started
    pairs = corpus.manifest["train_pairs_before_filters"]
    return {"pairs_per_second": pairs / seconds, "prepare_seconds": seconds, "pairs": pairs}


def opened_figures(config: RunConfig) -> dict[str, Any]:
    """Seconds until a ready corpus is open, and seconds of a batch of training."""
    started = time.perf_counter()
    corpus = prepare(config.data)
    opened = time.perf_counter()
    data = endless_data(config, corpus)
    batches = iter(data.stream)
    next(batches)
    begun = time.perf_counter()
    count = sum(1 for _ in islice(batches, READ_BATCHES))
    return {
        "open_seconds": opened - started,
        "first_batch_seconds": begun - opened,
        "batch_seconds": (time.perf_counter() - begun) / count,
        "batches_per_step": config.trainer.accumulate,
    }


def main() -> None:
    stage, *overrides = sys.argv[1:]
    config = composed_run(overrides)
    figures = prepared_figures(config) if stage == "prepare" else opened_figures(config)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
