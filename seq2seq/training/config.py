"""How a run is optimised, on what, and what it keeps. Imports neither torch nor lightning."""

import enum
import re
from dataclasses import dataclass, field

from seq2seq.errors import choices
from seq2seq.metrics.base import METRICS
from seq2seq.options import Options, Readers, number

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

DEVICES = re.compile(r"auto|-1|[1-9]\d{0,3}|\[?\d{1,4}(,\d{1,4})*,?\]?")

LOSS = "loss"  # as trainer.metric


class Export(enum.Enum):
    """Whose weights the bundle holds."""

    average = "average"
    best = "best"
    last = "last"
    ema = "ema"
    tail = "tail"


class Accelerator(enum.Enum):
    """Hardware to train on; auto takes a GPU if there is one."""

    auto = "auto"
    cpu = "cpu"
    gpu = "gpu"
    cuda = "cuda"
    mps = "mps"


class Strategy(enum.Enum):
    """How several processes train together: each has the whole model and averages gradients."""

    auto = "auto"
    ddp = "ddp"


@dataclass
class TrainerConfig(Options):
    """Length, hardware, validation and checkpoints of a run.

    Attributes:
        max_steps: optimizer steps of the run.
        max_epochs: end the run after so many epochs, if that is before max_steps.
        accumulate: micro-batches in an optimizer step. The loss is divided by the tokens of all of
            them.
        accelerator: hardware to train on; auto takes a GPU if there is one.
        devices: how many, such as 2; their numbers, such as "0,3"; or auto for all.
        strategy: ddp trains in a process for each device.
        num_nodes: machines.
        precision: auto takes bfloat16 for matrix products where the hardware computes them fast,
            and float32 elsewhere. 32-true, bf16-mixed and 16-mixed choose.
        num_threads: of torch on the CPU; 0 leaves torch's number.
        report_every: optimizer steps between reports of the training loss.
        validate_every: optimizer steps between validations.
        checkpoint_every: optimizer steps between checkpoints.
        bleu_lines: validation sentences that are translated greedily at each validation; 0 for
            none.
        metric: chooses the best checkpoint and decides on early stopping: loss, or the name of a
            metric, which then scores the translations of each validation.
        patience: validations without improvement after which the run ends; 0 never ends it.
        export: whose weights the bundle holds: the average of the last checkpoints, the best or
            the last checkpoint; or an average over all steps (ema) or the last ones (tail), which
            is then validated, too.
        average_last: number of checkpoints that are averaged.
        ema_decay: decay rate of the average over all steps, which is exponential after its first
            1 / (1 - ema_decay) steps and a plain mean until then.
        tail_share: share of the steps of the run, its last ones, that tail is the plain mean of.
        keep_last: regular checkpoints that are kept, or those that will be averaged if these are
            more. The best and the newest are kept as well.
        evaluate: translate and score the test set at the end.
        progress_every: seconds between progress lines where there is no terminal.
        max_bad_steps: successive steps whose loss or gradients are not finite, each of which is
            skipped, after which the run fails.
    """

    max_steps: int = number(4800, at_least=1)
    max_epochs: int | None = number(None, at_least=1)
    accumulate: int = number(1, at_least=1)
    accelerator: Accelerator = Accelerator.auto
    devices: str = "1"
    strategy: Strategy = Strategy.auto
    num_nodes: int = number(1, at_least=1)
    precision: str = "auto"
    num_threads: int = number(0, at_least=0, at_most=1024)
    report_every: int = number(50, at_least=1)
    validate_every: int = number(1200, at_least=1)
    checkpoint_every: int = number(240, at_least=1)
    bleu_lines: int = number(500, at_least=0)
    metric: str = "bleu"
    patience: int = number(0, at_least=0)
    export: Export = Export.average
    average_last: int = number(5, at_least=1)
    ema_decay: float = number(0.99, at_least=0, below=1)
    tail_share: float = number(0.2, above=0, at_most=1)
    keep_last: int = number(2, at_least=2)
    evaluate: bool = True
    progress_every: float = number(5.0, at_least=0)
    max_bad_steps: int = number(20, at_least=0)

    def problems(self) -> list[str]:
        problems = list(super().problems())
        if not DEVICES.fullmatch(self.devices):
            problems.append(
                f"devices: must be auto, a number of devices or their numbers between commas, not "
                f"{self.devices!r}; choose 1"
            )
        if self.precision not in PRECISIONS:
            problems.append(
                f"precision: {self.precision!r} is unknown; "
                f"{choices(self.precision, list(PRECISIONS))}"
            )
        return problems + self._metric_problems()

    def num_kept(self) -> int:
        """The regular checkpoints that are kept."""
        return max(self.keep_last, self.average_last if self.export is Export.average else 0)

    def _metric_problems(self) -> list[str]:
        if self.metric not in (LOSS, *METRICS):
            return [
                f"metric: must be loss or the name of a metric, not {self.metric!r}; "
                f"{choices(self.metric, [LOSS, *METRICS])}"
            ]
        decides = self.patience > 0 or self.export is Export.best
        if decides and self.metric != LOSS and self.bleu_lines == 0:
            return [
                f"metric: {self.metric} needs translations; choose trainer.bleu_lines of at least "
                "1, or trainer.metric=loss"
            ]
        return []

    def readers(self) -> Readers:
        return {
            option: (self.export is export, f"choose trainer.export={export.value}")
            for option, export in (
                ("average_last", Export.average),
                ("ema_decay", Export.ema),
                ("tail_share", Export.tail),
            )
        }


class LoggerKind(enum.Enum):
    """Where metrics go beside metrics.jsonl and TensorBoard."""

    none = "none"
    wandb = "wandb"
    mlflow = "mlflow"


@dataclass
class LoggerConfig(Options):
    """An optional experiment tracker; its package must be installed.

    Attributes:
        kind: none, wandb (Weights & Biases) or mlflow.
        project: W&B project or MLflow experiment.
        address: MLflow tracking address; empty for the package's default.
        tags: of the run in the tracker.
    """

    kind: LoggerKind = LoggerKind.none
    project: str = "seq2seq"
    address: str = ""
    tags: list[str] = field(default_factory=list)

    def readers(self) -> Readers:
        tracked = (self.kind is not LoggerKind.none, "choose logger=wandb or logger=mlflow")
        mlflow = (self.kind is LoggerKind.mlflow, "choose logger=mlflow")
        return {"project": tracked, "tags": tracked, "address": mlflow}
