"""Train the model of a configuration in a run's folder, from the beginning or from its newest checkpoint."""

import logging
import time
from pathlib import Path

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DDPStrategy

from seq2seq.aligning.supervision import supervised_corpus
from seq2seq.bundle.files import build_model, write_bundle
from seq2seq.config.schema import EvaluateConfig, RunConfig
from seq2seq.data.prepare import PreparedCorpus, prepare
from seq2seq.errors import ConfigError
from seq2seq.metrics.protocol import ScoringProtocol
from seq2seq.model.transformer import Transformer
from seq2seq.processes import is_first_process
from seq2seq.run.directory import RunDirectory
from seq2seq.run.init_from import load_initial_weights
from seq2seq.run.logs import configure_logging, quiet_lightning
from seq2seq.run.scoring import build_scorer
from seq2seq.training.callback import TrainingCallback
from seq2seq.training.checkpoint import (
    STOPPED,
    AtomicCheckpointIO,
    CheckpointIndex,
    average_weights,
    model_weights,
    newest_good,
)
from seq2seq.training.config import Export, TrainerConfig
from seq2seq.training.datamodule import TranslationData
from seq2seq.training.metrics_log import build_loggers
from seq2seq.training.module import TranslationModule
from seq2seq.training.precision import choose_precision

logger = logging.getLogger(__name__)


def fit(config: RunConfig, directory: RunDirectory, *, resume: bool) -> int:
    """Train, write the bundle and evaluate it.

    Returns:
        0 when the run is finished, 128 + n when signal n stopped it at a checkpoint.

    Raises:
        UserError: anything that a user can mend.
    """
    first = is_first_process()
    configure_logging(directory.log if first else None, shown=first)
    quiet_lightning()
    if config.trainer.num_threads:
        torch.set_num_threads(config.trainer.num_threads)
    checkpoint = resume_point(directory) if resume else None
    corpus = supervised_corpus(config, prepare(config.data), directory.path)
    torch.manual_seed(config.seed)
    model = build_model(config, corpus.tokenizers)
    if checkpoint is None:
        load_initial_weights(model, config)
    keeper = TrainingCallback(directory.path, config.trainer)
    trainer = build_trainer(config, directory, keeper)
    introduce(config, directory, corpus, model, trainer)
    module = TranslationModule(
        model,
        optimizer=config.optimizer,
        schedule=config.schedule,
        seed=config.seed,
        max_bad_steps=config.trainer.max_bad_steps,
        alignment_supervision=config.alignment_supervision,
    )
    data = TranslationData(corpus, config.data, config.trainer, seed=config.seed)
    started = time.monotonic()
    trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    if keeper.signal:
        return stop(directory, keeper, trainer)
    if trainer.is_global_zero:
        finish(config, directory, corpus, model, keeper, time.monotonic() - started)
    return 0


def resume_point(directory: RunDirectory) -> Path | None:
    """The newest good checkpoint; None for a run that was stopped before its first."""
    path, damaged = newest_good(directory.checkpoints)
    for message in damaged:
        logger.warning("passed over: %s", message)
    if path is None:
        logger.info(
            "no checkpoint was written before the run stopped: it starts again from the beginning"
        )
    else:
        logger.info("resuming from %s", path)
    return path


def build_trainer(config: RunConfig, directory: RunDirectory, keeper: TrainingCallback) -> Trainer:
    """Lightning's trainer; it sees one long epoch, and validation is the keeper's.

    Raises:
        ConfigError: the accelerator, devices or strategy cannot be had here.
    """
    options = config.trainer
    try:
        plain = Trainer(
            accelerator=options.accelerator, devices=1, logger=False, enable_checkpointing=False
        )
        precision, reason = choose_precision(options.precision, plain.strategy.root_device.type)
        logger.info("precision %s: %s", precision, reason)
        return Trainer(
            accelerator=options.accelerator,
            devices=devices(options),
            num_nodes=options.num_nodes,
            strategy=DDPStrategy(find_unused_parameters=False)
            if options.strategy == "ddp"
            else options.strategy,
            precision=precision,  # type: ignore[arg-type]
            max_epochs=1,
            logger=build_loggers(config.logger, directory.path),
            callbacks=[keeper],
            plugins=[AtomicCheckpointIO()],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            limit_val_batches=0,
            default_root_dir=directory.path,
        )
    except (ValueError, RuntimeError, ImportError) as error:
        raise ConfigError(f"trainer: {str(error).splitlines()[0]}") from error


def devices(options: TrainerConfig) -> int | str:
    """Lightning tells the number 2 from the text "2" only for some accelerators."""
    return int(options.devices) if options.devices.lstrip("-").isdigit() else options.devices


def introduce(
    config: RunConfig,
    directory: RunDirectory,
    corpus: PreparedCorpus,
    model: Transformer,
    trainer: Trainer,
) -> None:
    """Say what is about to be trained, and refuse now what would only fail after training."""
    build_scorer(config.data.languages()[1], config.metrics, ScoringProtocol.cased_13a)
    for caution in corpus.manifest.get("cautions", []):
        logger.warning("note: %s", caution)
    pairs = corpus.manifest["pairs"]
    logger.info(
        "%s -> %s: %s training pairs, %s pieces; %s parameters; %s process(es) on %s, %s threads",
        *config.data.languages(),
        f"{pairs['train']:,}",
        f"{corpus.tokenizers.target.vocab_size:,}",
        f"{model.num_parameters():,}",
        trainer.world_size,
        trainer.strategy.root_device.type,
        torch.get_num_threads(),
    )
    logger.info("run folder: %s", directory.path)


def stop(directory: RunDirectory, keeper: TrainingCallback, trainer: Trainer) -> int:
    """Leave a run that a signal ended at a checkpoint."""
    if trainer.is_global_zero:
        directory.set_status("stopped", {"step": trainer.global_step, "signal": keeper.signal})
        logger.info(
            "stopped at step %s; go on with  python train.py resume=%s",
            trainer.global_step,
            directory.path,
        )
    return 128 + keeper.signal


def finish(
    config: RunConfig,
    directory: RunDirectory,
    corpus: PreparedCorpus,
    model: Transformer,
    keeper: TrainingCallback,
    seconds: float,
) -> None:
    """Write the bundle, evaluate it if asked to, and say that the run is finished."""
    used = export(config.trainer, directory, model)
    facts = {
        "languages": list(config.data.languages()),
        "checkpoints": used,
        "data": corpus.manifest,
    }
    held_out = {"validation": corpus.validation.pairs, "test": corpus.test.pairs}
    write_bundle(directory.bundle, config, model, corpus.tokenizers, held_out, facts)
    minutes, rest = divmod(round(seconds), 60)
    reason = f" ({keeper.standing.stopped})" if keeper.standing.stopped else ""
    logger.info("trained for %d:%02d min%s; model: %s", minutes, rest, reason, directory.bundle)
    if config.trainer.evaluate and len(corpus.test):
        from seq2seq.run.evaluate import evaluate_bundle

        options = EvaluateConfig(decoding=config.decoding, alignment=config.alignment)
        evaluate_bundle(directory.path, options)
    directory.set_status(
        "finished", {"step": keeper.stream.num_steps, "training_seconds": round(seconds, 1)}
    )


def export(config: TrainerConfig, directory: RunDirectory, model: Transformer) -> list[str]:
    """Give the model the weights that the bundle shall hold; returns the checkpoints they come from."""
    paths = sorted(
        path for path in directory.checkpoints.glob("*.ckpt") if STOPPED not in path.name
    )
    index = CheckpointIndex.read(directory.checkpoints)
    if config.export is Export.best and index.best:
        paths = [directory.checkpoints / index.best]
    elif config.export is Export.average:
        paths = paths[-config.average_last :]
    else:
        paths = paths[-1:]
    model.load_state_dict(
        average_weights(paths, model) if len(paths) > 1 else model_weights(paths[0])
    )
    return [path.name for path in paths]
