"""All micro-batches of a run as one sequence, so that the position in training is one number.

Lightning sees a single long epoch. Its own counting of epochs, which decides what happens when a
run is resumed exactly at the end of one, is never used; epochs of the data are counted here.
"""

from collections.abc import Iterator

from seq2seq.data.batch import Batch
from seq2seq.data.loader import TrainLoader
from seq2seq.errors import ConfigError


class TrainingStream:
    """The micro-batches of one process from the first optimizer step to the last.

    Args:
        loader: the micro-batches of any epoch.
        max_steps: optimizer steps of the run.
        max_epochs: passes over the data that end it earlier; None sets no limit.

    Attributes:
        position: micro-batches handed out since the start of the run.
    """

    def __init__(
        self, loader: TrainLoader, *, max_steps: int, max_epochs: int | None = None
    ) -> None:
        self.loader = loader
        self.accumulate = loader.accumulate
        self.per_epoch = len(loader)
        self.steps_per_epoch = -(-self.per_epoch // self.accumulate)
        self.num_steps = (
            max_steps if max_epochs is None else min(max_steps, max_epochs * self.steps_per_epoch)
        )
        self.position = 0

    def __len__(self) -> int:
        """Micro-batches of the whole run in this process, wherever the position is."""
        epochs, steps = divmod(self.num_steps, self.steps_per_epoch)
        return epochs * self.per_epoch + min(steps * self.accumulate, self.per_epoch)

    def ends_step(self, position: int) -> bool:
        """Whether an optimizer step follows the micro-batch at a position.

        The last step of an epoch may have fewer micro-batches.
        """
        number = position % self.per_epoch + 1
        return number % self.accumulate == 0 or number == self.per_epoch

    def epoch(self, position: int) -> int:
        """The pass over the data that a position lies in, from 0."""
        return position // self.per_epoch

    def ensure_not_passed(self, step: int) -> None:
        """Raise ConfigError if a run that has done so many steps is to have fewer."""
        if step > self.num_steps:
            raise ConfigError(
                f"trainer.max_steps: the run has done {step} steps, more than the {self.num_steps} "
                f"that trainer.max_steps and trainer.max_epochs allow; choose trainer.max_steps="
                f"{step} to end it here, or more to train further"
            )

    def state_dict(self) -> dict[str, int]:
        """The position, as checkpoints of every version hold it."""
        epoch, next_batch = divmod(self.position, self.per_epoch)
        return {"epoch": epoch, "next_batch": next_batch}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.position = state["epoch"] * self.per_epoch + state["next_batch"]

    def __iter__(self) -> Iterator[Batch]:
        """The micro-batches from the position on."""
        while self.position < len(self):
            epoch, first = divmod(self.position, self.per_epoch)
            for batch in self.loader.epoch(epoch, first=first):
                self.position += 1
                yield batch
                if self.position >= len(self):
                    return
