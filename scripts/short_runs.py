"""Runs of a few seconds, for scripts that interrupt them."""

from dataclasses import dataclass, replace
from pathlib import Path

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.attention.catalogue import FullConfig
from seq2seq.config.schema import RunConfig
from seq2seq.data.batch_config import BatchConfig
from seq2seq.data.synthetic import GeneratedConfig
from seq2seq.decoding.config import DecodingConfig
from seq2seq.model.config import DecoderConfig, EncoderConfig, ModelConfig
from seq2seq.position.config import SinusoidalConfig
from seq2seq.training.config import Accelerator, Export, TrainerConfig

TRAINER = TrainerConfig(
    max_steps=6,
    report_every=2,
    validate_every=3,
    checkpoint_every=2,
    average_last=2,
    bleu_lines=0,
    metric="loss",
    accelerator=Accelerator.cpu,
    precision="32",
    num_threads=1,
)


@dataclass(frozen=True)
class Case:
    """A kind of run.

    Attributes:
        trainer: its options.
        stopped: whether the process that is killed receives SIGTERM after its first checkpoint.
        resumed: whether the process that is killed continues a run that was killed there.
    """

    trainer: TrainerConfig
    stopped: bool = False
    resumed: bool = False


CASES = {
    "average": Case(TRAINER),
    "best": Case(
        replace(TRAINER, export=Export.best, average_last=5, validate_every=1, evaluate=False)
    ),
    "stopped": Case(replace(TRAINER, evaluate=False), stopped=True),
    "resumed": Case(replace(TRAINER, evaluate=False), resumed=True),
}


def configuration(case: Case, root: Path) -> RunConfig:
    """A tiny model of a generated task; the prepared corpus is below the same folder as the run."""
    data = GeneratedConfig(
        num_symbols=6,
        max_length=6,
        num_train=60,
        num_validation=4,
        num_test=4,
        max_source_length=8,
        max_target_length=8,
        cache_dir=str(root / "cache"),
        batch=BatchConfig(max_tokens=64),
    )
    model = ModelConfig(
        d_model=8,
        num_heads=2,
        d_ff=8,
        max_source_length=8,
        max_target_length=8,
        position=SinusoidalConfig(),
        encoder=EncoderConfig(1, FullConfig()),
        decoder=DecoderConfig(1, FullConfig(), FullConfig()),
    )
    return RunConfig(
        data=data,
        model=model,
        trainer=case.trainer,
        metrics=["exact_match"],
        decoding=DecodingConfig(beam_size=1),
        alignment=AlignmentConfig(heatmaps=0),
    )
