"""The sweeper of `train -m`, where Hydra looks for plugins: `hydra/sweeper=grid`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@dataclass
class GridSweeperConf:
    """Options of the sweeper, which the command line also calls `sweep.jobs` and so on.

    Attributes:
        params: values of options, as on the command line: `{seed: "1,2,3"}`.
        jobs: runs at once.
        plan: `product`, or `by_role`.
        accept_stale: count finished cells of other options, data or versions as finished.
    """

    _target_: str = "hydra_plugins.seq2seq_grid.GridSweeper"
    params: dict[str, str] | None = None
    jobs: int = 1
    plan: str = "product"
    accept_stale: bool = False


ConfigStore.instance().store(
    group="hydra/sweeper", name="grid", node=GridSweeperConf, provider="seq2seq"
)


class GridSweeper(Sweeper):
    """Hands a sweep to the task function, which plans and runs it."""

    def __init__(
        self, params: Mapping[str, str] | None, jobs: int, plan: str, accept_stale: bool
    ) -> None:
        self.params = params or {}
        self.jobs, self.plan, self.accept_stale = jobs, plan, accept_stale
        self.hydra_context: HydraContext | None = None
        self.task_function: Any = None
        self.config: DictConfig | None = None

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Keep what Hydra composed for the whole sweep."""
        self.hydra_context, self.task_function = hydra_context, task_function
        self.config = config

    def sweep(self, arguments: Sequence[str]) -> Any:
        """Run the cells of the grid.

        Args:
            arguments: overrides of the command line, in which several values may be given.
        """
        return self.task_function.sweep(self, list(arguments))
