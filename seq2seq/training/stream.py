"""All micro-batches of a run as one sequence, so that the position in training is one number.

Lightning sees a single long epoch. Its own counting of epochs, which decides what happens when a
run is resumed exactly at the end of one, is never used; epochs of the data are counted here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from seq2seq.data.ahead import Ahead
from seq2seq.data.batch import Batch
from seq2seq.data.loader import TrainLoader
from seq2seq.errors import ConfigError


@dataclass(frozen=True)
class Stage:
    """Successive steps whose micro-batches have one size. It begins with an epoch.

    Attributes:
        loader: its micro-batches in any epoch.
        num_steps: optimizer steps in it.
        epoch: epochs that began before it.
        position: micro-batches before it.
    """

    loader: TrainLoader
    num_steps: int
    epoch: int
    position: int

    @property
    def per_epoch(self) -> int:
        return len(self.loader)

    @property
    def steps_per_epoch(self) -> int:
        return steps_per_epoch(self.loader)

    @property
    def num_epochs(self) -> int:
        """Epochs that begin in it."""
        return -(-self.num_steps // self.steps_per_epoch)

    def __len__(self) -> int:
        """Micro-batches of all its steps."""
        epochs, steps = divmod(self.num_steps, self.steps_per_epoch)
        return epochs * self.per_epoch + min(steps * self.loader.accumulate, self.per_epoch)


def steps_per_epoch(loader: TrainLoader) -> int:
    return -(-len(loader) // loader.accumulate)


def stages_of(
    loaders: Sequence[tuple[int, TrainLoader]], max_steps: int, max_epochs: int | None
) -> list[Stage]:
    """The stages of a run, of which the last may be shorter than planned, or more be missing.

    Args:
        loaders: of each stage, with the optimizer steps before it.
    """
    stages: list[Stage] = []
    epoch = position = 0
    ends = [first for first, _ in loaders[1:]] + [max_steps]
    for (first, loader), end in zip(loaders, ends, strict=True):
        num_steps = min(end, max_steps) - first
        if max_epochs is not None:
            num_steps = min(num_steps, (max_epochs - epoch) * steps_per_epoch(loader))
        if num_steps <= 0:
            break
        stages.append(Stage(loader, num_steps, epoch, position))
        epoch += stages[-1].num_epochs
        position += len(stages[-1])
    return stages


class TrainingStream:
    """The micro-batches of one process from the first optimizer step to the last.

    Args:
        loader: the micro-batches of any epoch.
        max_steps: optimizer steps of the run.
        max_epochs: passes over the data that end it earlier; None sets no limit. A pass that a
            later loader cuts short counts as one.
        later: further loaders, each with the number of optimizer steps before it; the pass over the
            data that it cuts short is not finished.
        both_directions: share of the steps, from the first, with pairs of both directions.
        ahead: micro-batches that are made before they are asked for.

    Attributes:
        position: micro-batches handed out since the start of the run.
    """

    def __init__(
        self,
        loader: TrainLoader,
        *,
        max_steps: int,
        max_epochs: int | None = None,
        later: Sequence[tuple[int, TrainLoader]] = (),
        both_directions: float = 0.0,
        ahead: int = 0,
    ) -> None:
        self.stages = stages_of([(0, loader), *later], max_steps, max_epochs)
        self.num_steps = sum(stage.num_steps for stage in self.stages)
        self.steps_of_both_directions = round(both_directions * self.num_steps)
        self.position, self.ahead = 0, ahead

    def __len__(self) -> int:
        """Micro-batches of the whole run in this process, wherever the position is."""
        return sum(map(len, self.stages))

    def place(self, position: int) -> tuple[Stage, int, int]:
        """The stage of a position, its epoch, from 0, and its number in that epoch."""
        stage = next(x for x in reversed(self.stages) if x.position <= position)
        epoch, number = divmod(position - stage.position, stage.per_epoch)
        return stage, stage.epoch + epoch, number

    def ends_step(self, position: int) -> bool:
        """Whether an optimizer step follows the micro-batch at a position.

        The last step of an epoch may have fewer micro-batches.
        """
        stage, _, number = self.place(position)
        return (number + 1) % stage.loader.accumulate == 0 or number + 1 == stage.per_epoch

    def epoch(self, position: int) -> int:
        """The pass over the data that a position lies in, from 0."""
        return self.place(position)[1]

    def steps_before(self, stage: Stage, epoch: int) -> int:
        """Optimizer steps before an epoch of a stage."""
        before = sum(x.num_steps for x in self.stages if x.position < stage.position)
        return before + (epoch - stage.epoch) * stage.steps_per_epoch

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
        _, epoch, next_batch = self.place(self.position)
        return {"epoch": epoch, "next_batch": next_batch}

    def load_state_dict(self, state: dict[str, int]) -> None:
        stage = next(x for x in reversed(self.stages) if x.epoch <= state["epoch"])
        passes = state["epoch"] - stage.epoch
        self.position = stage.position + passes * stage.per_epoch + state["next_batch"]

    def __iter__(self) -> Iterator[Batch]:
        """The micro-batches from the position on."""
        for batch in Ahead(self._batches(self.position), self.ahead):
            self.position += 1
            yield batch

    def _batches(self, position: int) -> Iterator[Batch]:
        """The micro-batches from a position on; reads nothing that training changes."""
        while position < len(self):
            stage, epoch, first = self.place(position)
            remaining = self.steps_of_both_directions - self.steps_before(stage, epoch)
            batches = stage.loader.epoch(
                epoch, first=first, steps_of_both_directions=max(remaining, 0)
            )
            count = min(stage.per_epoch - first, stage.position + len(stage) - position)
            yield from islice(batches, count)
            position += count
