"""Two processes train together, and resume together."""

import json
from pathlib import Path

import pytest

from tests.integration.commands import TINY, Run

TWO = [
    *TINY,
    "trainer=ddp_cpu",
    "trainer.max_steps=12",
    "trainer.checkpoint_every=4",
    "trainer.validate_every=6",
]


KEPT_OVER_STEPS = [
    *("optimizer.matrices=muon", "trainer.export=ema", "data.batch.later_steps=[5]"),
    "data.batch.later_max_tokens=[4096]",
]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param([], id="defaults", marks=pytest.mark.slow),
        pytest.param(KEPT_OVER_STEPS, id="kept over steps"),
    ],
)
def test_two_processes_train_and_resume_exactly(
    run: Run, tmp_path: Path, options: list[str]
) -> None:
    cache = f"data.cache_dir={tmp_path / 'cache'}"
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    done = run("train.py", *TWO, *options, cache, f"hydra.run.dir={whole}")
    assert done.returncode == 0, done.stderr
    assert "2 process(es)" in done.stderr
    done = run("train.py", *TWO, *options, cache, f"hydra.run.dir={parts}")
    assert done.returncode == 0, done.stderr
    for step in (8, 12):
        (parts / "checkpoints" / f"step-{step:08d}.ckpt").unlink()
    status = json.loads((parts / "status.json").read_text())
    (parts / "status.json").write_text(json.dumps({**status, "state": "running"}))
    done = run("train.py", f"resume={parts}")
    assert done.returncode == 0, done.stderr
    assert (whole / "model/model.safetensors").read_bytes() == (
        parts / "model/model.safetensors"
    ).read_bytes()
