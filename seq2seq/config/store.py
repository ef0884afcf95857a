"""Composes command lines into dataclasses, with Hydra."""

import contextlib
import sys
from collections.abc import Callable, Sequence
from typing import cast

import hydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seq2seq.config.composed import to_dataclass
from seq2seq.config.groups import CONF
from seq2seq.config.hydra_errors import explain
from seq2seq.config.hydra_task import FULL_ERROR, HydraTask, Sweeping, Task, hydra_main
from seq2seq.config.interpolation import refusal
from seq2seq.config.overrides import (
    ensure_no_edits,
    flags_first,
    imports_of,
    with_present_paths,
    with_quoted_paths,
)
from seq2seq.config.schema import RunConfig
from seq2seq.config.schemas import register_schemas
from seq2seq.errors import ConfigError
from seq2seq.imports import import_modules
from seq2seq.processes import environment_variable

__all__ = ["composed_run", "register_schemas", "run_command"]

HELP = frozenset(("-h", "--help"))


def run_command(
    config_name: str,
    task: Task,
    arguments: Sequence[str],
    *,
    relaunch: Sequence[str],
    sweeping: Sweeping | None = None,
) -> None:
    """Compose `conf/<config_name>.yaml` with the arguments and give it to the task.

    The task receives the configuration as dataclasses, the folder chosen by hydra.run.dir, and the
    overrides. With --multirun each combination is a process of its own; the exit code is 1 if one
    of them failed.

    Args:
        relaunch: arguments of Python that call the same command, for the processes of a sweep.
        sweeping: runs the cells of a sweep; without it combinations run one after another.

    Raises:
        Exception: ConfigError if Hydra refuses the arguments, and what the task raised.
    """
    called = list(sys.argv)
    with environment_variable(FULL_ERROR, "1"), contextlib.ExitStack() as at_end:
        present = prepare_command(arguments)
        if HELP.intersection(present):
            print(help_page(config_name))
            return
        main = HydraTask(task, called, present, relaunch, sweeping)
        at_end.callback(main.combinations.report)
        compose(hydra_main(main, config_name), called)
    if main.raised:
        raise main.raised[0]
    if main.combinations.failed or main.combinations.stopped:
        raise SystemExit(1)


def compose(main: Callable[[], None], called: list[str]) -> None:
    """Let Hydra read `sys.argv`, which is put back to `called`, and call `main`.

    Raises:
        ConfigError: Hydra refuses the arguments.
    """
    try:
        main()
    except (HydraException, OmegaConfBaseException) as error:
        raise refusal(error) or ConfigError(explain(error)) from error
    finally:
        sys.argv = called


def help_page(config_name: str) -> str:
    """The help of a command, which Hydra would take seconds to make."""
    return str(OmegaConf.load(CONF / f"{config_name}.yaml").hydra.help.template)


def composed_run(overrides: Sequence[str]) -> RunConfig:
    """The configuration that `train` composes from overrides. It is not checked yet.

    Raises:
        ConfigError: Hydra refuses the overrides.
    """
    called = list(sys.argv)
    try:
        present = prepare_command(overrides)
        with hydra.initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
            return cast(RunConfig, to_dataclass(hydra.compose("train", overrides=present)))
    except (HydraException, OmegaConfBaseException) as error:
        raise refusal(error) or ConfigError(explain(error)) from error
    finally:
        sys.argv = called


def prepare_command(arguments: Sequence[str]) -> list[str]:
    """Import what the arguments name, and leave them, with present names, for Hydra to read.

    Returns:
        the arguments with present names.

    Raises:
        ConfigError: an argument that Hydra would misapply, or a module that cannot be imported.
    """
    present = with_quoted_paths(with_present_paths(arguments))
    ensure_no_edits(present)
    import_modules(imports_of(present) or [])
    register_schemas()
    sys.argv = [sys.argv[0], *flags_first(present)]
    return list(present)
