"""A run that has begun: trained for two steps on text in files, in this process."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seq2seq.config.schema import RunConfig
from seq2seq.data.batch_config import BatchConfig
from seq2seq.data.config import TokenizerConfig
from seq2seq.data.corpora import FilesConfig, SplitFiles
from seq2seq.model.config import DecoderConfig, EncoderConfig, ModelConfig
from seq2seq.run.start import start_run
from seq2seq.training.config import Accelerator, TrainerConfig
from tests.results.bundles import sentences

STEPS = 2


@dataclass(frozen=True)
class Begun:
    """A folder that holds the text of a run, its cache, and the run."""

    path: Path

    @property
    def run(self) -> Path:
        return self.path / "run"

    def text(self, name: str) -> Path:
        return self.path / f"{name}.txt"

    def copied(self, path: Path) -> "Begun":
        """The same at another place, to which nothing leads that the run saved."""
        shutil.copytree(self.path, path)
        return Begun(path)

    def record(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads((self.run / "run.json").read_text(encoding="utf-8"))
        return record

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = json.loads((self.run / "status.json").read_text(encoding="utf-8"))
        return status

    def places(self) -> list[str]:
        """Overrides that name where everything lies now."""
        names = [f"{split}.{side}" for split in ("train", "test") for side in ("source", "target")]
        return [
            f"data.cache_dir={self.path / 'cache'}",
            *(f"data.{name}={self.text(name)}" for name in names),
        ]


def tiny_config(folder: Path) -> RunConfig:
    """A configuration of a run on text in a folder."""
    for split, count in (("train", 60), ("test", 4)):
        for side, seed in (("source", 1), ("target", 2)):
            lines = [*sentences(count, seed=seed), "é ü", "日 本"]
            text = "".join(f"{line}\n" for line in lines)
            (folder / f"{split}.{side}.txt").write_text(text, encoding="utf-8")
    return RunConfig(
        model=ModelConfig(
            d_model=16,
            num_heads=2,
            d_ff=16,
            max_source_length=32,
            max_target_length=32,
            encoder=EncoderConfig(num_layers=1),
            decoder=DecoderConfig(num_layers=1),
        ),
        data=FilesConfig(
            source_language="xx",
            target_language="yy",
            cache_dir=str(folder / "cache"),
            max_source_length=32,
            max_target_length=32,
            train=SplitFiles(str(folder / "train.source.txt"), str(folder / "train.target.txt")),
            test=SplitFiles(str(folder / "test.source.txt"), str(folder / "test.target.txt")),
            tokenizer=TokenizerConfig(vocab_size=60),
            batch=BatchConfig(max_tokens=64),
        ),
        trainer=TrainerConfig(
            max_steps=STEPS,
            accelerator=Accelerator.cpu,
            precision="auto",
            checkpoint_every=1,
            report_every=1,
            evaluate=False,
        ),
    )


def begin(folder: Path, config: RunConfig | None = None) -> Begun:
    """Train a run in a folder."""
    start_run(tiny_config(folder) if config is None else config, folder / "run", [])
    return Begun(folder)
