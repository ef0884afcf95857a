"""Optimizer steps that a budget of target tokens pays for, in a process of its own.

    python -m seq2seq.bench_runs.count_steps TOKENS OUTPUT OVERRIDE...

The steps are found by reading the batches that training would read, since their sizes may depend
on anything that is configured.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from seq2seq import stopping
from seq2seq.config.schema import RunConfig
from seq2seq.config.store import composed_run
from seq2seq.data.prepare import PreparedCorpus, prepare
from seq2seq.data.sources.base import with_model_facts
from seq2seq.files import atomic_write
from seq2seq.options import LARGEST
from seq2seq.paths import absolute, with_paths
from seq2seq.training.datamodule import TranslationData


def endless_data(config: RunConfig, corpus: PreparedCorpus) -> TranslationData:
    """The batches that a run of this configuration would read in one process, without an end."""
    endless = replace(config.trainer, max_steps=LARGEST, max_epochs=None)
    data = TranslationData(corpus, config.data, endless, seed=config.seed)
    data.trainer = cast(Any, SimpleNamespace(global_rank=0, world_size=1))
    data.setup("fit")
    return data


def steps_for(config: RunConfig, budget: int) -> tuple[int, int]:
    """The first step with which a run has read its budget of target tokens, and the tokens then.

    Raises:
        UserError: the corpus cannot be prepared.
    """
    config.data = with_model_facts(with_paths(config, absolute).data)
    data = endless_data(config, prepare(config.data))
    steps = tokens = 0
    for batch in data.stream:
        if data.stream.ends_step(data.stream.position - 1):
            steps, tokens = steps + 1, tokens + batch.step_target_tokens
            if tokens >= budget:
                break
    return steps, tokens


def main(arguments: Sequence[str]) -> None:
    budget, output, *overrides = arguments
    steps, tokens = steps_for(composed_run(overrides), int(budget))
    counted = {"steps": steps, "target_tokens": tokens}
    atomic_write(Path(output), json.dumps(counted).encode())


if __name__ == "__main__":
    with stopping.handled():
        main(sys.argv[1:])
