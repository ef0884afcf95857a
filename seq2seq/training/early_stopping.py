"""When validation has not improved for so long that training ends."""

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass
class EarlyStoppingState:
    """The best validation so far and how long ago it was; part of every checkpoint.

    Attributes:
        best: value of the best validation, higher is better; None before the first.
        waited: validations since the best.
        stopped: why training ended before its last step; empty otherwise.
    """

    best: float | None = None
    waited: int = 0
    stopped: str = ""

    def update(self, value: float) -> bool:
        """Take in a validation; returns whether it is the best so far. NaN never is."""
        improved = value == value and (self.best is None or value > self.best)
        if improved:
            self.best, self.waited = value, 0
        else:
            self.waited += 1
        return improved

    def check_patience(self, patience: int, metric: str) -> bool:
        """Whether training ends: `patience` validations without improvement; 0 never ends it."""
        if patience and self.waited >= patience:
            self.stopped = f"no better {metric} for {self.waited} validations"
        return bool(self.stopped)

    def state_dict(self) -> dict[str, Any]:
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a checkpoint, with patience checked anew: it may have been raised.

        Checkpoints of version 0.1.0 hold another entry, best_step, which nothing reads.
        """
        for item in fields(self):
            setattr(self, item.name, state[item.name])
        self.stopped = ""
