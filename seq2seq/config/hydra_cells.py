"""The cells of a sweep as Hydra composes them: values, folders, configurations, what is refused."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from seq2seq.config.composed import ensure_one_process, to_dataclass
from seq2seq.config.grid import Axis, Cell, Grid, LeftOut, Point, cell_name, points_of
from seq2seq.config.hydra_errors import explain
from seq2seq.config.interpolation import refusal
from seq2seq.config.overrides import FLAGS_OF_FOLDERS, FLAGS_WITH_VALUE
from seq2seq.config.schema import RunConfig
from seq2seq.errors import ConfigError, UserError
from seq2seq.paths import name_problem

BY_NUMBER = "${hydra.job.num}"  # Hydra's own hydra.sweep.subdir, which names replace
MULTIRUN_FLAGS = ("-m", "--multirun")


@dataclass
class Typed:
    """What a sweep was asked for: options with one value, and those with several."""

    constants: dict[str, str] = field(default_factory=dict)
    axes: dict[str, Axis] = field(default_factory=dict)


def cells_of(sweeper: Any, typed: Sequence[str], arguments: Sequence[str]) -> Grid:
    """The grid that a sweeper of `hydra_plugins.seq2seq_grid` stands for.

    Args:
        typed: all arguments of the command.
        arguments: its overrides of a run's options.

    Raises:
        ConfigError: nothing can be trained, or two different cells would share a folder.
    """
    if problem := name_problem(str(OmegaConf.select(sweeper.config, "name"))):
        raise ConfigError(f"name: {problem}")
    asked = read_overrides(sweeper, arguments)
    grid = Grid(
        Path(str(sweeper.config.hydra.sweep.dir)).absolute(),
        child_arguments(typed, unresolved(sweeper.config.hydra.overrides.hydra)),
        jobs=at_least_one(sweeper.jobs),
        accept_stale=bool(sweeper.accept_stale),
    )
    before = HydraConfig.instance().cfg
    try:
        for number, point in enumerate(points_of(list(asked.axes.values()), str(sweeper.plan))):
            add_cell(grid, sweeper, asked, point, number)
    finally:
        HydraConfig.instance().cfg = before
    ensure_cells(grid)
    return grid


def at_least_one(jobs: object) -> int:
    if not isinstance(jobs, int) or isinstance(jobs, bool) or jobs < 1:
        raise ConfigError(f"sweep.jobs: must be at least 1, not {jobs}; the default is 1")
    return jobs


def read_overrides(sweeper: Any, arguments: Sequence[str]) -> Typed:
    """The options of a sweep: those of its `params`, then those of the command line."""
    params = [f"{key}={value}" for key, value in sweeper.params.items()]
    parser = OverridesParser.create(config_loader=sweeper.hydra_context.config_loader)
    asked = Typed()
    for override in parser.parse_overrides([*params, *arguments]):
        key = override.get_key_element()
        asked.axes.pop(key, None)
        asked.constants.pop(key, None)
        if override.is_sweep_override():
            asked.axes[key] = Axis(key, tuple(dict.fromkeys(swept_values(override))))
        else:
            asked.constants[key] = str(override.get_value_element_as_str())
    return asked


def swept_values(override: Override) -> Iterator[str]:
    """The values of a sweep, in Hydra's grammar."""
    if not override.is_discrete_sweep():
        raise ConfigError(
            f"{override.input_line}: an interval has no cells; list values, or choose a sweeper "
            "that draws from it, such as hydra/sweeper=optuna"
        )
    yield from (str(value) for value in override.sweep_string_iterator())


def add_cell(grid: Grid, sweeper: Any, asked: Typed, point: Point, number: int) -> None:
    """Compose a combination, and add it to the cells, or to what is left out."""
    settings = dict(point.settings)
    overrides = [f"{key}={value}" for key, value in (asked.constants | settings).items()]
    try:
        config = sweeper.hydra_context.config_loader.load_sweep_config(sweeper.config, overrides)
        name, folder = cell_place(config, point, number)
        with open_dict(config):
            del config["hydra"]
        ensure_one_process(config)
        built: RunConfig = to_dataclass(config)
    except (HydraException, OmegaConfBaseException) as error:
        reason = refusal(error) or ConfigError(explain(error))
        grid.left_out.append(LeftOut(cell_name(point, None), settings, problems_of(reason)))
    except UserError as error:
        grid.left_out.append(LeftOut(cell_name(point, None), settings, problems_of(error)))
    else:
        grid.cells.append(Cell(name, folder, settings, tuple(overrides), built))


def problems_of(error: UserError) -> tuple[str, ...]:
    return tuple(error.problems) if isinstance(error, ConfigError) else (str(error),)


def cell_place(config: DictConfig, point: Point, number: int) -> tuple[str, Path]:
    """The name of a cell and its folder, for which hydra.sweep.subdir may be chosen otherwise."""
    with open_dict(config):
        config.hydra.job.num = number
        config.hydra.job.id = str(number)
    HydraConfig.instance().set_config(config)
    places = OmegaConf.to_container(config.hydra.sweep, resolve=False)
    assert isinstance(places, dict)
    name = cell_name(point, config.seed)
    if places["subdir"] != BY_NUMBER:
        name = str(OmegaConf.select(config, "hydra.sweep.subdir"))
    return name, Path(str(OmegaConf.select(config, "hydra.sweep.dir")), name).absolute()


def ensure_cells(grid: Grid) -> None:
    """Raise ConfigError if no cell is left, or two of them would write to one folder."""
    folders: dict[Path, Cell] = {}
    for cell in grid.cells:
        other = folders.setdefault(cell.folder, cell)
        if other is not cell:
            raise ConfigError(
                f"hydra.sweep.subdir: {settings_text(other)} and {settings_text(cell)} would both "
                f"be in {cell.folder}; leave it out, or name all options that differ in it"
            )
    if not grid.cells:
        raise ConfigError([*dict.fromkeys(x for left in grid.left_out for x in left.problems)])


def settings_text(cell: Cell) -> str:
    return " ".join(f"{key}={value}" for key, value in cell.settings.items())


def unresolved(overrides: Any) -> list[str]:
    """A list of overrides that Hydra keeps, as they were typed, with their interpolations."""
    entries = OmegaConf.to_container(overrides, resolve=False)
    assert isinstance(entries, list)
    return [str(entry) for entry in entries]


def child_arguments(typed: Sequence[str], of_hydra: Sequence[str]) -> list[str]:
    """Flags and options of Hydra that the command of a cell gets, as its sweep did.

    Args:
        typed: all arguments of the sweep.
        of_hydra: its overrides of Hydra's options.
    """
    arguments, waiting = [], list(typed)
    while waiting:
        flag, equals, value = waiting.pop(0).partition("=")
        if not flag.startswith("-") or flag in MULTIRUN_FLAGS:
            continue
        if flag in FLAGS_WITH_VALUE and not equals:
            value = waiting.pop(0)
        if flag in FLAGS_OF_FOLDERS:
            value = os.path.abspath(value)
        arguments += [flag, value] if flag in FLAGS_WITH_VALUE else [f"{flag}{equals}{value}"]
    own = ("hydra.mode=", "hydra.run.dir=")
    return [*arguments, *(x for x in of_hydra if not x.startswith(own)), "hydra.mode=RUN"]
