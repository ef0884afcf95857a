"""Trains the cells of a grid: what is finished is skipped, what was interrupted is continued.

A cell that is another run than the grid asks for is stale: it is reported, and never touched.
"""

import logging
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seq2seq.config.grid import Cell, Grid, LeftOut
from seq2seq.config.schema import RunConfig
from seq2seq.config.sweep import is_stop, run_child
from seq2seq.errors import ConfigError, UserError
from seq2seq.folder.directory import FINISHED
from seq2seq.folder.logs import configure_logging
from seq2seq.jobs import run_jobs
from seq2seq.processes import command_name
from seq2seq.run.start import ensure_startable
from seq2seq.stopping import continue_with, raise_if_received
from seq2seq.sweeps.ledger import sweep_lock
from seq2seq.sweeps.objective import objective_of
from seq2seq.sweeps.session import Session, child_command
from seq2seq.sweeps.standing import STALE, standing_of

logger = logging.getLogger(__name__)


@dataclass
class TrainSweep:
    """The sweeps of a training command.

    Attributes:
        relaunch: arguments of Python that call the command for one run, from any folder.
        arguments: of the command, for the message that says how to go on.
    """

    relaunch: Sequence[str]
    arguments: Sequence[str] = ()

    def run(self, grid: Grid) -> None:
        """Train the cells of a grid in processes of this machine, `grid.jobs` at once.

        Raises:
            ConfigError: none of them can be trained.
            UserError: cells failed, or are stale.
            Stopped: this process was asked to stop; its processes have, and saved their work.
        """
        configure_logging()
        continue_with(f"{command_name('train')} {shlex.join(self.arguments)}")
        leave_out(grid)
        with sweep_lock(grid.folder):
            session = Session.begun(grid, self.relaunch)
            run_jobs(session.jobs(), grid.jobs, on_poll=session.show_progress)
        session.report()

    def launch(self, grid: Grid, launch: Callable[[list[Cell]], None]) -> None:
        """Let another launcher train the cells that are not finished; raises as `run`."""
        configure_logging()
        leave_out(grid)
        with sweep_lock(grid.folder):
            session = Session.begun(grid, self.relaunch)
        if session.waiting:
            launch(session.waiting)
        session.look_again()
        session.report()

    def run_cell(
        self, config: RunConfig, folder: Path, overrides: Sequence[str], arguments: Sequence[str]
    ) -> float | None:
        """Train one cell for another launcher or sweeper, unless it is finished.

        Returns:
            the best value of `trainer.metric` in validation; None if nothing was validated.

        Raises:
            UserError: it failed, or another run lies in its folder.
        """
        standing = standing_of(folder, config, None)
        if standing.state == STALE:
            raise UserError(
                f"{folder} holds another run ({'; '.join(standing.reasons)}); choose another name= "
                "or hydra.sweep.dir="
            )
        if standing.state != FINISHED:
            print(f"\n{' '.join(overrides)} -> {folder}", flush=True)
            child = child_command(self.relaunch, arguments, overrides, folder)
            code = run_child(child)
            raise_if_received()
            if code:
                how = "was stopped" if is_stop(code) else "failed"
                raise UserError(f"{folder}: its run {how}; see the lines above, and repeat")
        return objective_of(folder, config.trainer.metric)


def leave_out(grid: Grid) -> None:
    """Move cells that cannot be trained to those left out, and list these.

    Raises:
        ConfigError: no cell is left.
    """
    cells, grid.cells = grid.cells, []
    for cell in cells:
        try:
            ensure_startable(cell.config)
        except ConfigError as error:
            grid.left_out.append(LeftOut(cell.name, cell.settings, tuple(error.problems)))
        else:
            grid.cells.append(cell)
    if not grid.cells:
        raise ConfigError([*dict.fromkeys(x for left in grid.left_out for x in left.problems)])
    if grid.left_out:
        lines = [f"{left.name}: {'; '.join(left.problems)}" for left in grid.left_out]
        logger.warning("These combinations cannot be trained, and are left out:")
        logger.warning("  %s", "\n  ".join(lines))
