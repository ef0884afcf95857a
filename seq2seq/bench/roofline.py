"""The least time of a training step: the listed passes at the speed of this machine, summed.

`python -m seq2seq.bench.roofline REQUEST OVERRIDES...` measures the passes and prints JSON.
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seq2seq.bench.passes import BatchShape, ModelShape, step_passes
from seq2seq.bench.rates import Rates, measured_facts
from seq2seq.bench.work import FLOAT_BYTES, Group, Pass, PassWork
from seq2seq.bundle.files import build_model
from seq2seq.config.schema import RunConfig
from seq2seq.config.store import run_command
from seq2seq.data.encoded import EncodedPairs
from seq2seq.data.loader import TrainLoader
from seq2seq.data.prepare import prepare
from seq2seq.model.transformer import Transformer
from seq2seq.training.hardware import device_type
from seq2seq.training.precision import choose_precision

NUM_BATCHES = 5  # of an epoch, by length, that stand for all of them


def least_step(
    model: ModelShape, batches: Sequence[BatchShape], seconds_of: Callable[[PassWork], float]
) -> dict[str, Any]:
    """The least time of a micro-batch, as a mean over batches that are equally frequent.

    Args:
        seconds_of: a work on this machine.

    Returns:
        "seconds_per_batch" and "target_tokens_per_second"; the same seconds by "groups"; and of all
        "passes" their count and rates, at the shape of the middle batch.
    """
    groups = {group.value: 0.0 for group in Group}
    for batch in batches:
        for item in step_passes(model, batch):
            groups[item.group.value] += item.count * seconds_of(item.work) / len(batches)
    seconds = sum(groups.values())
    tokens = sum(batch.target_tokens for batch in batches) / len(batches)
    middle = step_passes(model, batches[len(batches) // 2])
    return {
        "seconds_per_batch": seconds,
        "target_tokens_per_second": tokens / seconds,
        "groups": groups,
        "passes": [pass_facts(item, seconds_of(item.work)) for item in middle],
    }


def pass_facts(item: Pass, seconds: float) -> dict[str, Any]:
    """A pass with the rates of its work."""
    return {
        "name": item.name,
        "group": item.group.value,
        "count": item.count,
        **measured_facts(item.work, seconds),
    }


def model_shape(config: RunConfig, model: Transformer, *, bf16: bool) -> ModelShape:
    """The sizes of a plain Transformer."""
    options = config.model
    return ModelShape(
        d_model=options.d_model,
        d_ff=options.d_ff,
        heads=options.num_heads,
        kv_heads=options.num_heads,
        encoder_layers=options.encoder.num_layers,
        decoder_layers=options.decoder.num_layers,
        target_vocab=model.target_vocab_size,
        parameters=model.num_parameters(),
        has_dropout=options.dropout > 0,
        element=2 if bf16 else FLOAT_BYTES,
        accumulate=config.trainer.accumulate,
    )


def typical_batches(config: RunConfig, pairs: EncodedPairs) -> list[BatchShape]:
    """Batches of the first epoch at even distances in the order of their target widths."""
    source, target = pairs.source_lengths(), pairs.target_lengths()
    plan = TrainLoader(pairs, config.data.batch, seed=config.seed).plan.epoch(config.seed, 0)
    by_width = sorted(plan, key=lambda batch: (batch.target_width, batch.source_width))
    places = (np.arange(NUM_BATCHES) + 0.5) * len(by_width) / NUM_BATCHES
    return [
        BatchShape(
            rows=len(batch.rows),
            source_width=batch.source_width,
            target_width=batch.target_width,
            source_tokens=int(source[batch.rows].sum()),
            target_tokens=int(target[batch.rows].sum()),
        )
        for batch in (by_width[int(place)] for place in places)
    ]


def measured_roofline(config: RunConfig) -> dict[str, Any]:
    """The least step of a configuration, and what it was measured with."""
    if config.trainer.num_threads:
        torch.set_num_threads(config.trainer.num_threads)
    corpus = prepare(config.data)
    model = build_model(config, corpus.tokenizers)
    device = device_type(config.trainer.accelerator)
    precision, _ = choose_precision(config.trainer.precision, device)
    shape = model_shape(config, model, bf16=precision.startswith("bf16"))
    batches = typical_batches(config, corpus.train)
    return {
        **least_step(shape, batches, Rates()),
        "precision": precision,
        "threads": torch.get_num_threads(),
    }


def main() -> None:
    def task(config: RunConfig, folder: Path, overrides: list[str]) -> None:
        print(json.dumps(measured_roofline(config)))

    run_command("train", task, sys.argv[2:], relaunch=[])


if __name__ == "__main__":
    main()
