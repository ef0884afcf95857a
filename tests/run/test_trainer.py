"""Lightning's trainer of a run, and the training module of its configuration."""

import signal
from pathlib import Path

import pytest
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy

from seq2seq import stopping
from seq2seq.config.schema import RunConfig
from seq2seq.data.synthetic import GeneratedConfig
from seq2seq.run.trainer import build_module, build_trainer
from seq2seq.training.alignment_supervision import AlignmentSupervision
from seq2seq.training.callback import TrainingCallback
from seq2seq.training.checkpoint import AtomicCheckpointIO, CheckpointStore
from seq2seq.training.config import Accelerator, Strategy, TrainerConfig
from seq2seq.training.metrics_log import MetricsFile
from seq2seq.training.optimizer_config import OptimizerConfig
from seq2seq.training.supervision_config import AlignmentSupervisionConfig, SupervisionKind
from seq2seq.training.transforms import WordDropoutConfig
from seq2seq.training.word_dropout import WordDropout
from tests.training.test_auxiliary import MeanSquare, MeanSquareConfig
from tests.training.tiny import tiny_model

pytestmark = pytest.mark.filterwarnings("ignore")


def trainer_of(folder: Path, **options: object) -> Trainer:
    config = RunConfig(data=GeneratedConfig())
    arguments: dict[str, object] = {
        "accelerator": Accelerator.cpu,
        "devices": "1",
        "precision": "32",
    }
    config.trainer = TrainerConfig(**{**arguments, **options})  # type: ignore[arg-type]
    store = CheckpointStore(folder / "checkpoints")
    metrics = MetricsFile(folder / "metrics.jsonl")
    return build_trainer(config, folder, TrainingCallback(store, metrics, config.trainer))


def test_lightning_leaves_everything_to_the_callback(tmp_path: Path) -> None:
    trainer = trainer_of(tmp_path)
    assert isinstance(trainer.strategy, SingleDeviceStrategy)
    (callback,) = trainer.callbacks
    assert isinstance(callback, TrainingCallback)
    checkpoint_io = trainer.strategy.checkpoint_io
    assert isinstance(checkpoint_io, AtomicCheckpointIO) and checkpoint_io.store is callback.store
    assert trainer.max_epochs == 1 and trainer.limit_val_batches == 0
    assert trainer.default_root_dir == str(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("precision", "name"), [("32", "32-true"), ("bf16", "bf16-mixed"), ("bfloat16", "bf16-mixed")]
)
def test_precision(tmp_path: Path, precision: str, name: str) -> None:
    assert trainer_of(tmp_path, precision=precision).precision == name


def test_several_processes(tmp_path: Path) -> None:
    trainer = trainer_of(tmp_path, strategy=Strategy.ddp, devices="2")
    assert isinstance(trainer.strategy, DDPStrategy) and trainer.world_size == 2


@pytest.mark.parametrize("job", [None, "a-batch-job"])
def test_signals_stay_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: str | None
) -> None:
    if job:  # where Lightning would requeue it by itself
        monkeypatch.setenv("SLURM_NTASKS", "1")
        monkeypatch.setenv("SLURM_JOB_NAME", job)
    stopping.install()
    numbers = (*stopping.STOP_SIGNALS, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    connector = trainer_of(tmp_path)._signal_connector
    connector.register_signal_handlers()
    assert [signal.getsignal(number) for number in numbers] == before
    connector.teardown()
    assert [signal.getsignal(number) for number in numbers] == before


def test_a_module_has_the_losses_and_transforms_of_its_configuration() -> None:
    config = RunConfig(
        seed=7,
        data=GeneratedConfig(),
        optimizer=OptimizerConfig(weight_decay=0.5),
        alignment_supervision=AlignmentSupervisionConfig(kind=SupervisionKind.links, weight=0.25),
        batch_transforms=[WordDropoutConfig(source=0.2)],
        auxiliary_losses=[MeanSquareConfig(weight=3.0)],
    )
    module = build_module(config, tiny_model())
    assert module.seed == 7 and module.optimizer_config.weight_decay == 0.5
    supervision, mean_square = module.auxiliary_losses
    assert isinstance(supervision, AlignmentSupervision) and supervision.weight == 0.25
    assert isinstance(mean_square, MeanSquare) and mean_square.weight == 3.0
    (transform,) = module.batch_transforms
    assert isinstance(transform, WordDropout) and transform.source == 0.2


def test_a_plain_configuration_has_neither() -> None:
    module = build_module(RunConfig(data=GeneratedConfig()), tiny_model())
    assert module.auxiliary_losses == [] and module.batch_transforms == []
    assert module.weights_of == frozenset()
