"""What Lightning runs: its trainer and the training module of a configuration."""

import logging
import os
from datetime import timedelta
from pathlib import Path

from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.trainer.connectors.signal_connector import _SignalConnector

from seq2seq.attention.modifier_options import Sink
from seq2seq.config.alignment_rules import cross_attentions, supervision_kind
from seq2seq.config.schema import RunConfig
from seq2seq.errors import ConfigError, first_line
from seq2seq.model.transformer import Transformer
from seq2seq.processes import IS_RANK
from seq2seq.training.alignment_supervision import AlignmentSupervision
from seq2seq.training.auxiliary import AuxiliaryLoss
from seq2seq.training.callback import TrainingCallback
from seq2seq.training.checkpoint import AtomicCheckpointIO
from seq2seq.training.config import Strategy
from seq2seq.training.hardware import device_type, devices_of
from seq2seq.training.metrics_log import build_loggers
from seq2seq.training.module import TranslationModule
from seq2seq.training.precision import choose_precision
from seq2seq.training.supervision_config import SupervisionKind

WAIT_MINUTES = 30  # of a process for the others, at the start and at each exchange

logger = logging.getLogger(__name__)


class KeptHandlers(_SignalConnector):
    """Leaves the handlers of `seq2seq.stopping` in place, also where SLURM would requeue a job."""

    def register_signal_handlers(self) -> None:
        self.received_sigterm = False


def build_trainer(config: RunConfig, folder: Path, callback: TrainingCallback) -> Trainer:
    """Lightning's trainer. It sees one long epoch; validation and checkpoints are the callback's.

    Raises:
        ConfigError: Lightning refuses the hardware, which `hardware_problems` did not foresee.
    """
    options = config.trainer
    device = device_type(options.accelerator)
    precision, reason = choose_precision(options.precision, device)
    logger.info("precision %s: %s", precision, reason)
    is_ddp = options.strategy is Strategy.ddp
    try:
        trainer = Trainer(
            accelerator=device,
            devices=devices_of(options),
            num_nodes=options.num_nodes,
            strategy=ddp() if is_ddp else "auto",
            precision=precision,  # type: ignore[arg-type]
            max_epochs=1,
            logger=build_loggers(config.logger, folder),
            callbacks=[callback],
            plugins=[AtomicCheckpointIO(callback.store), *environments()],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            limit_val_batches=0,
            default_root_dir=folder,
        )
    except (ValueError, RuntimeError, ImportError, MisconfigurationException) as error:
        raise ConfigError(f"trainer: {first_line(error)}; change its options") from error
    trainer._signal_connector = KeptHandlers(trainer)
    return trainer


def ddp() -> DDPStrategy:
    """Whole models that average gradients; a process that another waits for in vain fails."""
    return DDPStrategy(find_unused_parameters=False, timeout=timedelta(minutes=WAIT_MINUTES))


def environments() -> list[LightningEnvironment]:
    """Where Lightning reads the rank of a process that `run_ranks` started, also in a SLURM job."""
    return [LightningEnvironment()] if os.environ.get(IS_RANK) else []


def build_module(config: RunConfig, model: Transformer) -> TranslationModule:
    """A model with its losses, optimizer and batch transforms, for Lightning."""
    losses: list[AuxiliaryLoss] = []
    supervision = config.alignment_supervision
    if supervision_kind(config)[0] is not SupervisionKind.none:
        layers = cross_attentions(config.model)
        has_sink = layers[supervision.layer].sink is not Sink.none
        losses.append(AlignmentSupervision(supervision, num_layers=len(layers), has_sink=has_sink))
    losses += [loss.build(config.model) for loss in config.auxiliary_losses]
    return TranslationModule(
        model,
        optimizer=config.optimizer,
        schedule=config.schedule,
        seed=config.seed,
        batch_transforms=[transform.build() for transform in config.batch_transforms],
        auxiliary_losses=losses,
    )
