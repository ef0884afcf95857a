"""What Hydra calls with a composed configuration: a run, a combination, or the cells of a sweep."""

import contextlib
import itertools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from seq2seq.config.composed import ensure_one_process, to_dataclass
from seq2seq.config.grid import Cell, Grid
from seq2seq.config.groups import CONF
from seq2seq.config.hydra_cells import cells_of, child_arguments, unresolved
from seq2seq.config.interpolation import quoted
from seq2seq.config.overrides import SWEEP
from seq2seq.config.schema import RunConfig
from seq2seq.config.schemas import register_schemas
from seq2seq.config.sweep import Sweep
from seq2seq.errors import ConfigError
from seq2seq.processes import environment_variable

FULL_ERROR = "HYDRA_FULL_ERROR"  # with 1, Hydra raises its errors, which `explain` words
BASIC_LAUNCHER = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
Task = Callable[[Any, Path, list[str]], None]


class Sweeping(Protocol):
    """Trains the cells of a sweep."""

    def run(self, grid: Grid) -> None:
        """Train the cells of a grid in processes of this machine."""

    def launch(self, grid: Grid, launch: Callable[[list[Cell]], None]) -> None:
        """Let another launcher train the cells that are not finished."""

    def run_cell(
        self, config: RunConfig, folder: Path, overrides: Sequence[str], arguments: Sequence[str]
    ) -> float | None:
        """Train one cell, unless it is finished, and return the best value of trainer.metric."""


@dataclass
class HydraTask:
    """The task function of a command.

    Attributes:
        task: gets the configuration of a single run.
        called: `sys.argv`, with which Lightning starts further processes.
        arguments: of the command, with present names.
        relaunch, sweeping: see `run_command`.
        combinations: what became of them, of a command without cells.
        raised: the error of a single run, kept because Hydra would print about it first.
    """

    task: Task
    called: list[str]
    arguments: list[str]
    relaunch: Sequence[str]
    sweeping: Sweeping | None
    combinations: Sweep = field(init=False)
    raised: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.combinations = Sweep(self.relaunch)
        self.as_user = os.environ.get(FULL_ERROR)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """In a worker of a launcher, where nothing is registered yet."""
        self.__dict__ |= state
        register_schemas()

    def __call__(self, config: DictConfig) -> float | None:
        """Do what the configuration asks for; returns the objective of a cell."""
        sys.argv = self.called
        runtime = HydraConfig.get()
        overrides = unresolved(runtime.overrides.task)
        folder = Path(OmegaConf.to_container(runtime.runtime)["output_dir"])  # type: ignore[index, call-overload]
        is_sweep = runtime.mode == RunMode.MULTIRUN
        with environment_variable(FULL_ERROR, self.as_user), without_empty(folder):
            if is_sweep and self.sweeping is not None:
                ensure_one_process(config)
                arguments = child_arguments(self.arguments, unresolved(runtime.overrides.hydra))
                built = to_dataclass(config)
                return self.sweeping.run_cell(built, folder, overrides, arguments)
            with kept(self.raised):
                if is_sweep and not self.raised:
                    self.run_combination(config, folder, overrides, runtime.job.num)
                elif not self.raised:
                    ensure_no_sweep(self.called)
                    self.task(to_dataclass(config), folder, overrides)
        return None

    def run_combination(
        self, config: DictConfig, folder: Path, overrides: list[str], number: int
    ) -> None:
        """Run a combination of a command without cells."""
        ensure_one_process(config)
        self.combinations.remaining = remaining_combinations(self.arguments, number, overrides)
        self.combinations.run(overrides, folder)

    def sweep(self, sweeper: Any, arguments: list[str]) -> None:
        """Train the cells of a sweep, for `hydra_plugins.seq2seq_grid`."""
        assert self.sweeping is not None, "hydra/sweeper=grid is of commands with cells"
        grid = cells_of(sweeper, self.arguments, arguments)
        launcher = sweeper.config.hydra.launcher
        with environment_variable(FULL_ERROR, self.as_user):
            if launcher._target_ == BASIC_LAUNCHER:
                self.sweeping.run(grid)
            else:
                self.sweeping.launch(grid, lambda cells: self.launch(sweeper, cells))

    def launch(self, sweeper: Any, cells: list[Cell]) -> None:
        """Let the launcher that was chosen call this task with each of these cells."""
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=sweeper.hydra_context, task_function=self, config=sweeper.config
        )
        jobs = [
            [*cell.overrides, f"hydra.sweep.subdir={quoted(os.path.relpath(cell.folder, root))}"]
            for cell in cells
            for root in [sweeper.config.hydra.sweep.dir]
        ]
        launcher.launch(jobs, initial_job_idx=0)


def ensure_no_sweep(arguments: Sequence[str]) -> None:
    """Raise ConfigError if a single run was given options of a sweep."""
    for argument in arguments:
        if argument.startswith(SWEEP):
            raise ConfigError(
                f"{argument.partition('=')[0]}: is read only in a sweep; add -m, or leave it out"
            )


def hydra_main(main: HydraTask, config_name: str) -> Callable[[], None]:
    """The entry point that reads `sys.argv` and calls a task."""
    decorated: Callable[[], None] = hydra.main(
        version_base="1.3", config_path=str(CONF), config_name=config_name
    )(main)
    return decorated


@contextlib.contextmanager
def kept(raised: list[Exception]) -> Iterator[None]:
    """Keep an error for later, because Hydra would print about it first."""
    try:
        yield
    except Exception as error:
        raised.append(error)


@contextlib.contextmanager
def without_empty(folder: Path) -> Iterator[None]:
    """Remove the folder that Hydra made, unless it holds files afterwards."""
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            folder.rmdir()


def combinations(arguments: Sequence[str]) -> list[list[str]]:
    """The overrides of each run of a sweep, in Hydra's order."""
    overrides = [x for x in arguments if "=" in x and not x.startswith(("-", "hydra."))]
    values: dict[str, list[str]] = {}
    for override in OverridesParser.create().parse_overrides(overrides):
        key = override.get_key_element()
        if override.is_sweep_override():
            values[key] = [f"{key}={value}" for value in override.sweep_string_iterator()]
        else:
            values[key] = [f"{key}={override.get_value_element_as_str()}"]
    return [list(combination) for combination in itertools.product(*values.values())]


def remaining_combinations(arguments: Sequence[str], number: int, current: list[str]) -> list[str]:
    """What a sweep runs after its run of a number; empty if a plugin of Hydra chooses that."""
    runs = combinations(arguments)
    if number >= len(runs) or runs[number] != current:
        return []
    return [" ".join(overrides) for overrides in runs[number + 1 :]]
