"""A model of two decoder layers, a few sentences, and what trains on them."""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, Trainer

from seq2seq.attention.catalogue import FullConfig
from seq2seq.attention.config import AttentionConfig
from seq2seq.data.batch import Batch, collate
from seq2seq.data.batch_config import BatchConfig
from seq2seq.data.column import Column
from seq2seq.data.encoded import EncodedPairs
from seq2seq.data.prepare import PreparedCorpus, prepare
from seq2seq.data.synthetic import GeneratedConfig
from seq2seq.model.config import DecoderConfig, EncoderConfig, ModelConfig, TiedEmbeddings
from seq2seq.model.frontend import VocabularySpec
from seq2seq.model.transformer import Transformer, build_transformer
from seq2seq.position.config import SinusoidalConfig
from seq2seq.training.config import TrainerConfig
from seq2seq.training.datamodule import TranslationData
from seq2seq.training.module import TranslationModule
from seq2seq.training.optimizer_config import Matrices, OptimizerConfig, ScheduleConfig

SOURCE = [[10, 11, 12], [13, 14, 15, 16, 17], [18, 19]]
TARGET = [[20, 21], [22, 23, 24], [25, 26, 27, 28]]
LINKS = [[(0, 0), (2, 0), (1, 1)], [(4, 2), (0, 0), (1, 0), (2, 0)], []]  # (source, target)


def tiny_batch(
    rows: list[int], *, source_width: int | None = None, target_width: int | None = None
) -> Batch:
    """Rows of SOURCE, TARGET and LINKS."""
    links = Column.of([[position for link in row for position in link] for row in LINKS])
    widths = {"source_width": source_width, "target_width": target_width}
    pairs = EncodedPairs(Column.of(SOURCE), Column.of(TARGET), links)
    return collate(pairs, np.array(rows), **widths)


def tiny_model(
    cross: AttentionConfig | None = None,
    *,
    vocab_size: int = 30,
    dropout: float = 0.0,
    tied_embeddings: TiedEmbeddings = TiedEmbeddings.none,
) -> Transformer:
    torch.manual_seed(1)
    config = ModelConfig(
        d_model=16,
        num_heads=2,
        d_ff=16,
        dropout=dropout,
        tied_embeddings=tied_embeddings,
        max_source_length=32,
        max_target_length=32,
        position=SinusoidalConfig(),
        encoder=EncoderConfig(1, FullConfig()),
        decoder=DecoderConfig(2, FullConfig(), cross or FullConfig()),
    )
    return build_transformer(
        config, source=VocabularySpec(vocab_size), target_vocab_size=vocab_size, seed=1
    )


def tiny_corpus(folder: Path, **options: Any) -> PreparedCorpus:
    """Sequences to reverse, with their links."""
    sizes = {"num_train": 60, "num_validation": 1, "num_test": 1, **options}
    return prepare(GeneratedConfig(cache_dir=str(folder), **sizes))


def tiny_module(model: Transformer | None = None, **options: Any) -> TranslationModule:
    """A module with the default losses and optimizer unless options replace them."""
    arguments: dict[str, Any] = {
        "optimizer": OptimizerConfig(matrices=Matrices.adamw),
        "schedule": ScheduleConfig(warmup_steps=0),
        "seed": 1,
        **options,
    }
    return TranslationModule(tiny_model() if model is None else model, **arguments)


def fit(
    module: TranslationModule,
    corpus: PreparedCorpus,
    *,
    max_steps: int,
    max_tokens: int,
    accumulate: int = 1,
    callbacks: Iterable[Callback] = (),
    plugins: Iterable[Any] = (),
) -> None:
    """Train on the CPU, writing nothing.

    Args:
        max_tokens: of a micro-batch.
        plugins: of Lightning's trainer.
    """
    data = TranslationData(
        corpus,
        GeneratedConfig(batch=BatchConfig(max_tokens=max_tokens)),
        TrainerConfig(max_steps=max_steps, accumulate=accumulate, bleu_lines=0),
        seed=1,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice of Lightning's
        trainer = Trainer(
            accelerator="cpu",
            max_epochs=1,
            logger=False,
            callbacks=list(callbacks),
            plugins=list(plugins),
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            limit_val_batches=0,
        )
        trainer.fit(module, datamodule=data)
