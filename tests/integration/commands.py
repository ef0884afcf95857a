"""Options and environment of the commands that tests run."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
TINY = [
    "model.d_model=32",
    "model.d_ff=64",
    "model.dropout=0.1",
    "model.encoder.num_layers=1",
    "model.decoder.num_layers=1",
    "data=copy",
    "data.num_train=500",
    "data.num_validation=20",
    "data.num_test=20",
    "data.batch.max_tokens=256",
    "trainer.precision=32",
    "trainer.max_steps=40",
    "trainer.validate_every=20",
    "trainer.checkpoint_every=10",
    "trainer.report_every=5",
    "trainer.evaluate=false",
]

Run = Callable[..., subprocess.CompletedProcess[str]]


def environment() -> dict[str, str]:
    """One thread per process, and no network for the hub."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
