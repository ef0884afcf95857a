"""How a run is optimised, on what, and what it keeps. Imports neither torch nor lightning."""

import enum
import math
from dataclasses import dataclass, field, fields

from seq2seq.alignment.symmetrize import SymmetrizeMethod

PRECISIONS = {
    "auto": "auto",
    "32": "32-true",
    "fp32": "32-true",
    "float32": "32-true",
    "32-true": "32-true",
    "bf16": "bf16-mixed",
    "bfloat16": "bf16-mixed",
    "bf16-mixed": "bf16-mixed",
    "16-mixed": "16-mixed",
}


LOSS = "loss"  # as trainer.metric


class ScheduleKind(enum.Enum):
    """How the learning rate goes on after its linear warm-up."""

    inverse_sqrt = "inverse_sqrt"
    cosine = "cosine"
    linear = "linear"
    constant = "constant"


class Export(enum.Enum):
    """Whose weights the bundle holds."""

    average = "average"
    best = "best"
    last = "last"


@dataclass
class OptimizerConfig:
    """AdamW (Loshchilov and Hutter 2019) and the loss it minimises.

    Attributes:
        learning_rate: the peak, reached after the warm-up.
        weight_decay: of all parameters except biases and the parameters of norms.
        label_smoothing: share of the target probability spread over the vocabulary (Szegedy et al. 2016, section 7).
        clip_norm: gradients are scaled down to this norm; 0 for no limit.
    """

    learning_rate: float = 4e-3
    beta1: float = 0.9
    beta2: float = 0.98
    epsilon: float = 1e-9
    weight_decay: float = 0.0
    label_smoothing: float = 0.1
    clip_norm: float = 1.0


@dataclass
class ScheduleConfig:
    """The learning rate over optimizer steps.

    Attributes:
        kind: inverse_sqrt lr sqrt(warmup / step); cosine and linear fall to final_ratio lr at trainer.max_steps.
        warmup_steps: from zero to the peak, linearly.
        final_ratio: of the peak, where cosine and linear end.
    """

    kind: ScheduleKind = ScheduleKind.cosine
    warmup_steps: int = 400
    final_ratio: float = 0.02


@dataclass
class TrainerConfig:
    """Length, hardware, validation and checkpoints of a run.

    Attributes:
        max_steps: optimizer steps, and the end of the run; max_epochs may end it earlier.
        accumulate: micro-batches an optimizer step. The loss is divided by the real tokens of all of them.
        accelerator, devices, strategy, num_nodes: as Lightning has them.
        precision: auto takes bfloat16 products where the hardware does them fast, and float32 elsewhere.
        num_threads: of torch on the CPU; 0 leaves it as it is.
        report_every, validate_every, checkpoint_every: optimizer steps.
        bleu_lines: validation sentences that are translated (greedily) at each validation; 0 for none.
        metric: chooses the best checkpoint and drives early stopping: "loss", or the name of a
            metric, which then scores the translations of each validation.
        patience: validations without improvement before the run ends; 0 never ends it.
        export, average_last: the bundle holds the average of the last checkpoints, or the best, or the last.
        evaluate: translate and score the test set at the end.
        progress_every: seconds between plain progress lines where there is no terminal.
        max_bad_steps: steps in a row with non-finite gradients before the run gives up; each is skipped.
    """

    max_steps: int = 2200
    max_epochs: int | None = None
    accumulate: int = 1
    accelerator: str = "auto"
    devices: str = "1"
    strategy: str = "auto"
    num_nodes: int = 1
    precision: str = "auto"
    num_threads: int = 0
    report_every: int = 50
    validate_every: int = 550
    checkpoint_every: int = 110
    bleu_lines: int = 500
    metric: str = "bleu"
    patience: int = 0
    export: Export = Export.average
    average_last: int = 5
    evaluate: bool = True
    progress_every: float = 5.0
    max_bad_steps: int = 20


class SupervisionKind(enum.Enum):
    """Whose word alignments supervise a head: nobody's, the corpus' own, or those of two trained runs."""

    none = "none"
    links = "links"
    runs = "runs"


@dataclass
class AlignmentSupervisionConfig:
    """A second loss that teaches one cross-attention head word alignments.

    Source: Chen et al. 2016, "Guided Alignment Training for Topic-Aware NMT" (arXiv:1607.01628); of one head, Garg et
    al. 2019, "Jointly Learning to Align and Translate with Transformer Models" (arXiv:1909.02074), section 3.

    Attributes:
        kind: where the alignments come from.
        weight: of this loss beside the translation loss; 0.05 is that of Garg et al.
        layer: decoder layer of the head, counted from 0; negative from the last, -1. Garg et al. take the last but one.
        head: of that layer, counted from 0.
        use_input_row: supervise the row at which a target token is the decoder's input, instead of the row that predicts it
            (Chen et al. 2020, arXiv:2004.14837).
        runs: for kind=runs, the folders of two finished runs: one of the direction that is trained, and its reverse.
        method: for kind=runs, how their links are made one. A target word without a link is not supervised:
            intersection leaves many of them, and is right most often.
    """

    kind: SupervisionKind = SupervisionKind.none
    weight: float = 0.05
    layer: int = -1
    head: int = 0
    use_input_row: bool = True
    runs: list[str] = field(default_factory=list)
    method: SymmetrizeMethod = SymmetrizeMethod.intersection

    def problems(self) -> list[str]:
        """What is wrong with these options, each as "option: what; what to choose"."""
        found = [
            f"{name}: is set but not read; choose alignment_supervision={' or alignment_supervision='.join(readers)}, or leave "
            "it out"
            for name, readers in self.unread()
        ]
        if not (math.isfinite(self.weight) and self.weight > 0):
            found.append(
                f"weight: must be above 0, not {self.weight}; choose 0.05, or alignment_supervision=none"
            )
        if self.head < 0:
            found.append(f"head: must be a number from 0, not {self.head}")
        if self.kind is SupervisionKind.runs and (len(self.runs) != 2 or len(set(self.runs)) != 2):
            found.append(
                f"runs: must be two folders of different runs, [FORWARD,REVERSE], not {self.runs}; train the second "
                "with data.reverse=true"
            )
        return found

    def unread(self) -> list[tuple[str, list[str]]]:
        """Options that were changed but mean nothing for this kind, with the kinds that read them."""
        default = AlignmentSupervisionConfig()
        names = [option.name for option in fields(self) if option.name != "kind"]
        changed = [name for name in names if getattr(self, name) != getattr(default, name)]
        of_runs = [(name, ["runs"]) for name in changed if name in ("runs", "method")]
        if self.kind is SupervisionKind.none:
            return [
                (name, ["links", "runs"]) for name in changed if name not in ("runs", "method")
            ] + of_runs
        return of_runs if self.kind is SupervisionKind.links else []


class LoggerKind(enum.Enum):
    """Where metrics go beside metrics.jsonl and TensorBoard."""

    none = "none"
    wandb = "wandb"
    mlflow = "mlflow"


@dataclass
class LoggerConfig:
    """An optional experiment tracker; its package must be installed.

    Attributes:
        project: W&B project or MLflow experiment.
        address: MLflow tracking address; empty for the package's own default.
    """

    kind: LoggerKind = LoggerKind.none
    project: str = "seq2seq"
    address: str = ""
    tags: list[str] = field(default_factory=list)
