"""Train the model of a configuration, from the beginning or from the newest checkpoint."""

import logging
import time
from pathlib import Path
from typing import NoReturn

import torch
from lightning.pytorch import Trainer

from seq2seq import stopping
from seq2seq.aligning.supervision import supervised_corpus
from seq2seq.bundle.files import build_model
from seq2seq.config.schema import RunConfig
from seq2seq.data.prepare import PreparedCorpus, prepare
from seq2seq.folder.directory import RunDirectory
from seq2seq.folder.logs import configure_logging, quiet_lightning
from seq2seq.kept_memory import keep_freed_memory
from seq2seq.model.transformer import Transformer
from seq2seq.processes import is_first_process
from seq2seq.run.binding import Binding
from seq2seq.run.finish import finish
from seq2seq.run.init_from import load_initial_weights
from seq2seq.run.rehearsal import ensure_scorable, ensure_validated, rehearse_end
from seq2seq.run.trainer import build_module, build_trainer
from seq2seq.training.callback import TrainingCallback
from seq2seq.training.checkpoint import CheckpointStore
from seq2seq.training.checkpoint_names import checkpoint_step
from seq2seq.training.datamodule import TranslationData
from seq2seq.training.metrics_log import MetricsFile

logger = logging.getLogger(__name__)


def fit(binding: Binding, *, resume: bool) -> None:
    """Train, write the bundle and evaluate it.

    Raises:
        Stopped: a signal stopped it, in training at a checkpoint.
        UserError: a problem the user can fix.
    """
    config, here, directory = binding.config, binding.here, binding.directory
    set_up_process(here, directory)
    store = CheckpointStore(directory.checkpoints, keep_last=config.trainer.num_kept())
    checkpoint = resume_point(store) if resume else None
    callback = new_callback(binding, store)
    trainer = build_trainer(here, directory.path, callback)
    ensure_scorable(config)
    corpus = supervised_corpus(here, prepare(here.data), directory.path)
    ensure_validated(config, corpus)
    torch.manual_seed(config.seed)
    model = build_model(config, corpus.tokenizers)
    rehearse_end(config, directory, corpus, model)
    if trainer.is_global_zero:
        binding.begin(
            corpus,
            step=0 if checkpoint is None else checkpoint_step(checkpoint),
            device=trainer.strategy.root_device.type,
            precision=str(trainer.precision),
            processes=trainer.world_size,
        )
    if checkpoint is None:
        load_initial_weights(model, here)
    if trainer.is_global_zero:
        log_summary(config, directory, corpus, model, trainer)
    data = TranslationData(
        corpus, config.data, config.trainer, seed=config.seed, metrics=config.metrics
    )
    started = time.monotonic()
    with stopping.deferred():
        trainer.fit(
            build_module(config, model), datamodule=data, ckpt_path=checkpoint, weights_only=True
        )
    if callback.signal:
        stop(callback, trainer)
    stopping.raise_if_received()
    if trainer.is_global_zero:
        finish(config, directory, corpus, model, callback, time.monotonic() - started)


def new_callback(binding: Binding, store: CheckpointStore) -> TrainingCallback:
    """The callback of a run, which tells `status.json` of phases and saved steps."""
    directory = binding.directory
    return TrainingCallback(
        store,
        MetricsFile(directory.metrics),
        binding.config.trainer,
        on_phase=binding.enter_phase,
        on_saved=lambda step: directory.set_status("running", {"step": step}),
    )


def set_up_process(config: RunConfig, directory: RunDirectory) -> None:
    """Logs, memory and threads of this process."""
    first = is_first_process()
    configure_logging(directory.log if first else None, shown=first)
    quiet_lightning()
    keep_freed_memory()
    if config.trainer.num_threads:
        torch.set_num_threads(config.trainer.num_threads)


def resume_point(store: CheckpointStore) -> Path | None:
    """The newest intact checkpoint; None for a run that was stopped before its first."""
    path, problems = store.newest()
    for problem in problems:
        logger.warning(problem)
    if path is None:
        logger.info("no checkpoint was written before the run stopped: training restarts at step 0")
    else:
        logger.info("resuming from %s", path)
    return path


def log_summary(
    config: RunConfig,
    directory: RunDirectory,
    corpus: PreparedCorpus,
    model: Transformer,
    trainer: Trainer,
) -> None:
    """Log languages, sizes, hardware and the folder of a run."""
    cautions = config.schedule.cautions(config.trainer.max_steps)
    for warning in [*corpus.manifest.get("cautions", []), *cautions]:
        logger.warning("note: %s", warning)
    pairs = corpus.manifest["pairs"]
    logger.info(
        "%s -> %s: %s training pairs, %s subwords; %s parameters; %s process(es) on %s, %s threads",
        *config.data.languages(),
        f"{pairs['train']:,}",
        f"{corpus.tokenizers.target.vocab_size:,}",
        f"{model.num_parameters():,}",
        trainer.world_size,
        trainer.strategy.root_device.type,
        torch.get_num_threads(),
    )
    logger.info("run folder: %s", directory.path)


def stop(callback: TrainingCallback, trainer: Trainer) -> NoReturn:
    """Log that a signal ended training at a checkpoint, and raise Stopped."""
    if trainer.is_global_zero:
        logger.info("stopped at step %s, which is saved", f"{trainer.global_step:,}")
    raise stopping.Stopped(callback.signal)
