"""The extensions that a page shows are obeyed: a run with all of them trains and is evaluated."""

import json
from pathlib import Path

from seq2seq.imports import import_modules
from seq2seq.run.start import start_run
from tests.documentation.composing import composed
from tests.documentation.pages import example_files
from tests.integration.commands import TINY

OVERRIDES = [
    "position=distance",
    "metrics=[bleu,length_ratio]",
    "trainer.metric=length_ratio",
    "batch_transforms=[token_noise]",
    "auxiliary_losses=[{name: state_norm, weight: 0.01}]",
    "trainer.max_steps=2",
    "trainer.validate_every=2",
    "trainer.report_every=2",
    "trainer.evaluate=true",
    "alignment.heatmaps=0",
    "decoding.max_length_ratio=1",
]


def test_a_run_with_every_extension(workspace: Path) -> None:
    files = sorted(example_files())
    assert files == ["distance.py", "length_ratio.py", "state_norm.py", "token_noise.py"]
    import_modules(files)
    config = composed("train", [*TINY, *OVERRIDES, f"imports=[{','.join(files)}]"])
    start_run(config, workspace / "run", [])
    scores = json.loads((workspace / "run/evaluation/test/scores.json").read_text())
    assert scores["length_ratio"]["score"] > 0
    metrics = (workspace / "run/metrics.jsonl").read_text()
    assert "train/state_norm_loss" in metrics
    assert "val/length_ratio" in metrics
