"""When validation has not improved for so long that training ends."""

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from seq2seq.metrics import METRICS
from seq2seq.training.config import LOSS


@dataclass
class EarlyStoppingState:
    """The best validation so far and how long ago it was; part of every checkpoint.

    Attributes:
        best: value of the best validation, higher is better; None before the first.
        best_step: its optimizer step; None before the first.
        waited: validations since the best.
        stopped: why training ended before its last step; empty otherwise.
    """

    best: float | None = None
    best_step: int | None = None
    waited: int = 0
    stopped: str = ""

    def update(self, value: float, step: int) -> bool:
        """Take in a validation; returns whether it is the best so far.

        A value that is not finite never is: a model that gives one has gone wrong.
        """
        improved = math.isfinite(value) and (self.best is None or value > self.best)
        if improved:
            self.best, self.best_step, self.waited = value, step, 0
        else:
            self.waited += 1
        return improved

    def check_patience(self, patience: int, metric: str) -> bool:
        """Whether training ends: `patience` validations without improvement; 0 never ends it."""
        exhausted = 0 < patience <= self.waited
        self.stopped = f"no better {metric} for {self.waited} validations" if exhausted else ""
        return exhausted

    def state_dict(self) -> dict[str, Any]:
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint, with patience checked anew: it may have been raised."""
        for item in fields(self):
            setattr(self, item.name, state[item.name])
        self.stopped = ""


def quality(metrics: dict[str, float], metric: str) -> float:
    """The result of a validation by `trainer.metric`, higher is better.

    Without translations (`trainer.bleu_lines=0`) it is that by the loss.
    """
    if metric == LOSS or f"val/{metric}" not in metrics:
        return -metrics["val/loss"]
    sign = 1 if METRICS[metric].higher_is_better else -1
    return sign * metrics[f"val/{metric}"]
