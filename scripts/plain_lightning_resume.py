"""`seq2seq verify-resume` on a plain Lightning training, for contrast.

    python scripts/plain_lightning_resume.py --kills 20

The training is written as Lightning's documentation does it: `seed_everything`, a `DataLoader` that
shuffles, `ModelCheckpoint` every 10 steps with `save_last`, validation every 25 steps, a CSV
logger, and `ckpt_path="last"` after a crash. The model is torch's `nn.Transformer` with dropout; it
learns to reverse sequences of symbols.
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from seq2seq.files import atomic_write
from seq2seq.verification.verify_resume import Subject, verify

NUM_SYMBOLS, LENGTH, WIDTH, STEPS = 18, 8, 64, 400


class Reverser(LightningModule):
    """An encoder-decoder that learns to reverse a sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(NUM_SYMBOLS, WIDTH)
        self.transformer = nn.Transformer(WIDTH, 4, 2, 2, 128, dropout=0.1, batch_first=True)
        self.output = nn.Linear(WIDTH, NUM_SYMBOLS)

    def loss(self, source: Tensor) -> Tensor:
        target = source.flip(1)
        start = torch.zeros_like(target[:, :1])
        decoder_input = torch.cat([start, target[:, :-1]], 1)
        mask = self.transformer.generate_square_subsequent_mask(LENGTH)
        states = self.transformer(
            self.embedding(source), self.embedding(decoder_input), tgt_mask=mask, tgt_is_causal=True
        )
        return nn.functional.cross_entropy(self.output(states).flatten(0, 1), target.flatten())

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        loss = self.loss(batch[0])
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val_loss", self.loss(batch[0]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=1e-3)


class Phases(Callback):
    """Writes status.json as runs of seq2seq do."""

    def __init__(self, run: Path) -> None:
        self.run = run

    def enter(self, phase: str) -> None:
        atomic_write(
            self.run / "status.json",
            json.dumps({"process": os.getpid(), "phase": phase}).encode(),
        )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.enter("training")

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.enter("validation")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.enter("training")


def train(run: Path) -> None:
    """Train from the beginning, or from the last checkpoint in the folder."""
    run.mkdir(parents=True, exist_ok=True)
    (run / "config.yaml").touch()
    seed_everything(1)
    torch.set_num_threads(1)
    symbols = torch.randint(2, NUM_SYMBOLS, (6_000, LENGTH), generator=torch.Generator())
    sets = TensorDataset(symbols[:5_000]), TensorDataset(symbols[5_000:])
    checkpoints = ModelCheckpoint(run / "checkpoints", every_n_train_steps=10, save_last=True)
    trainer = Trainer(
        accelerator="cpu",
        max_steps=STEPS,
        val_check_interval=25,
        log_every_n_steps=5,
        logger=CSVLogger(run, name="metrics", version=""),
        callbacks=[checkpoints, Phases(run)],
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=run,
    )
    loaders = DataLoader(sets[0], 32, shuffle=True), DataLoader(sets[1], 100)
    last = run / "checkpoints" / "last.ckpt"
    trainer.fit(Reverser(), *loaders, ckpt_path=last if last.is_file() else None)
    trainer.save_checkpoint(run / "final.ckpt")


def outcome(run: Path) -> dict[str, str]:
    """Hashes of the final weights and optimizer, and of the metrics."""
    final = torch.load(run / "final.ckpt", map_location="cpu", weights_only=True)
    weights = b"".join(tensor.numpy().tobytes() for tensor in final["state_dict"].values())
    steps = json.dumps([final["global_step"], final["epoch"]])
    metrics = (run / "metrics" / "metrics.csv").read_bytes()
    return {
        "weights": hashlib.sha256(weights).hexdigest(),
        "steps": steps,
        "metrics": hashlib.sha256(metrics).hexdigest(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--train", type=Path, help="only train, in this folder")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--kills-per-run", type=int, default=4)
    options = parser.parse_args()
    if options.train is not None:
        train(options.train)
        return

    def command(run: Path) -> list[str]:
        return [sys.executable, __file__, "--train", str(run)]

    with tempfile.TemporaryDirectory() as folder:
        for state in verify(
            Subject(command, command, outcome),
            Path(folder),
            kills=options.kills,
            kills_per_run=options.kills_per_run,
            seed=1,
        ):
            if state.trials:
                print(f"run {len(state.trials)}: {state.trials[-1].row()}", flush=True)
        print(state.summary())


if __name__ == "__main__":
    main()
