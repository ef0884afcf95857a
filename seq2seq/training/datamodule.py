"""Data of a trainer: the stream of micro-batches and the validator of this process."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from lightning.pytorch import LightningDataModule, Trainer

from seq2seq.data.augment import augmented
from seq2seq.data.config import DataConfig
from seq2seq.data.encoded import EncodedPairs
from seq2seq.data.epoch_changes import EpochChanges
from seq2seq.data.loader import TrainLoader
from seq2seq.data.prepare import PreparedCorpus
from seq2seq.metrics.base import DEFAULT_METRICS
from seq2seq.training.config import LOSS, TrainerConfig
from seq2seq.training.stream import TrainingStream
from seq2seq.training.validation import Validator


class TranslationData(LightningDataModule):
    """A prepared corpus, divided among processes.

    Args:
        metrics: of the run; the first scores validation translations where `trainer.metric` is the
            loss.
    """

    stream: TrainingStream
    validator: Validator

    def __init__(
        self,
        corpus: PreparedCorpus,
        data: DataConfig,
        trainer: TrainerConfig,
        *,
        seed: int,
        metrics: Sequence[str] = DEFAULT_METRICS,
    ) -> None:
        super().__init__()
        self.metrics = [trainer.metric] if trainer.metric != LOSS else list(metrics[:1])
        self.corpus, self.data_config, self.trainer_config, self.seed = corpus, data, trainer, seed

    def setup(self, stage: str) -> None:
        assert self.trainer is not None
        rank, world_size = self.trainer.global_rank, self.trainer.world_size
        config = self.trainer_config
        batch, rows = self.data_config.batch, self.train_rows()
        changes = self.changes(rows)
        first, *later = (
            TrainLoader(
                rows,
                replace(batch, max_tokens=max_tokens),
                seed=self.seed,
                rank=rank,
                world_size=world_size,
                accumulate=config.accumulate,
                changes=changes,
            )
            for max_tokens in (batch.max_tokens, *batch.later_max_tokens)
        )
        self.stream = TrainingStream(
            first,
            max_steps=config.max_steps,
            max_epochs=config.max_epochs,
            later=list(zip(batch.later_steps, later, strict=True)),
            both_directions=self.data_config.both_directions,
            ahead=batch.ahead,
        )
        self.validator = Validator(
            self.corpus.validation,
            self.corpus.tokenizers,
            target_language=self.data_config.languages()[1],
            metrics=self.metrics,
            batch=self.data_config.batch,
            bleu_lines=config.bleu_lines,
            rank=rank,
            world_size=world_size,
        )

    def train_rows(self) -> EncodedPairs:
        """The training pairs after augmentation."""
        config = self.data_config
        return augmented(
            self.corpus.train,
            config.augmentation,
            self.corpus.tokenizers,
            max_lengths=(config.max_source_length, config.max_target_length),
            seed=self.seed,
        )

    def changes(self, rows: EncodedPairs) -> EpochChanges | None:
        """The changes to pairs that differ by epoch; None without any."""
        config = self.data_config
        if not config.augmentation.bpe_dropout and not config.both_directions:
            return None
        return EpochChanges(rows, config, self.corpus.tokenizers, seed=self.seed)

    def train_dataloader(self) -> TrainingStream:
        return self.stream


def training_data(trainer: Trainer) -> TranslationData:
    """The data module of a trainer."""
    return cast(TranslationData, trainer.datamodule)  # type: ignore[attr-defined]
