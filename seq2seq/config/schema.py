"""The whole of what can be configured, assembled from the dataclasses that stand with the code that reads them."""

from dataclasses import dataclass, field
from typing import Any

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.data.config import DataConfig, TatoebaConfig
from seq2seq.decoding.config import DecodingConfig
from seq2seq.metrics.base import DEFAULT_METRICS
from seq2seq.metrics.protocol import ScoringProtocol
from seq2seq.model.config import ModelConfig
from seq2seq.training.config import (
    AlignmentSupervisionConfig,
    LoggerConfig,
    OptimizerConfig,
    ScheduleConfig,
    TrainerConfig,
)


@dataclass
class RunConfig:
    """One training run.

    Attributes:
        name: of the folder below `outputs/` that runs like this one share.
        seed: of initial weights, batch order and dropout.
        init_from: a finished run or bundle whose weights and vocabulary training begins with,
            instead of random weights.
        imports: files and modules of yours that define further options (see `seq2seq.imports`).
        metrics: names of the metrics that translations are scored by.
        batch_transforms: random changes to training batches, in this order; names such as
            `word_dropout`, or mappings with options, `{name: word_dropout, source: 0.2}`.
        auxiliary_losses: losses of yours beside the translation loss, given in the same way.
    """

    name: str = "train"
    seed: int = 1
    init_from: str | None = None
    imports: list[str] = field(default_factory=list)
    metrics: list[str] = field(default_factory=lambda: list(DEFAULT_METRICS))
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=TatoebaConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    logger: LoggerConfig = field(default_factory=LoggerConfig)
    decoding: DecodingConfig = field(default_factory=DecodingConfig)
    alignment: AlignmentConfig = field(default_factory=AlignmentConfig)
    alignment_supervision: AlignmentSupervisionConfig = field(
        default_factory=AlignmentSupervisionConfig
    )
    batch_transforms: list[Any] = field(default_factory=list)
    auxiliary_losses: list[Any] = field(default_factory=list)


@dataclass
class EvaluateConfig:
    """One evaluation.

    Attributes:
        run: a run's folder or a bundle; None takes the newest finished run below `outputs`.
        outputs: where runs are looked for.
        split: "test" or "validation" of the run's own corpus, or, with source and reference, the name of the folder
            that the results go to.
        source, reference: files to translate and to score against instead, one sentence a line.
        compare: folders of two or more runs; tests whether they differ from the first, instead of evaluating one.
        metrics: names of the metrics that translations are scored by; None takes those of the
            (first) run.
        protocol: what is done to text before it is scored.
        imports: files and modules of yours that the run needs; its own configuration is not
            trusted to name them.
    """

    run: str | None = None
    outputs: str = "outputs"
    split: str = "test"
    source: str | None = None
    reference: str | None = None
    compare: list[str] = field(default_factory=list)
    metrics: list[str] | None = None
    protocol: ScoringProtocol = ScoringProtocol.cased_13a
    imports: list[str] = field(default_factory=list)
    decoding: DecodingConfig = field(default_factory=DecodingConfig)
    alignment: AlignmentConfig = field(default_factory=AlignmentConfig)
