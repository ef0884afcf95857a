"""The only module that uses Hydra: composes command lines into dataclasses."""

import contextlib
import itertools
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException, ValidationError

from seq2seq.attention.config import MECHANISMS
from seq2seq.config.composed import ensure_one_process, to_dataclass
from seq2seq.config.folders import unused_folder
from seq2seq.config.groups import (
    CONF,
    ROLE_GROUPS,
    choices_of,
    class_groups,
    without_choices,
)
from seq2seq.config.interpolation import forbid_environment, refusal
from seq2seq.config.overrides import ensure_no_edits, imports_of, with_present_paths
from seq2seq.config.schema import EvaluateConfig, RunConfig
from seq2seq.config.sweep import Sweep
from seq2seq.data.corpora import CORPORA
from seq2seq.errors import ConfigError, choices
from seq2seq.imports import import_modules
from seq2seq.processes import command_name, environment_variable

T = TypeVar("T")
Task = Callable[[T, Path, list[str]], None]
HELP = frozenset(("-h", "--help"))
FULL_ERROR = "HYDRA_FULL_ERROR"  # with 1, Hydra raises its errors, which `explain` words


def register_schemas() -> None:
    """Make dataclasses available to the files of `conf/` and to the command line.

    Those of whole commands and of corpora are what the files start from, as `schema/...`;
    mechanisms and position schemes are the options of their groups.
    """
    store = ConfigStore.instance()
    for name, schema in (("train", RunConfig), ("evaluate", EvaluateConfig)):
        if stored_class("schema", name) is not schema:
            store.store(group="schema", name=name, node=without_choices(schema()))
    groups: list[tuple[str, str | None, Mapping[str, type]]] = [
        ("schema/data", None, dict(CORPORA.items())),
        *((group, options.path, options.classes) for group, options in class_groups().items()),
    ]
    for group, package, classes in groups:
        for name, kind in classes.items():
            if stored_class(group, name) is not kind:
                store.store(group=group, name=name, package=package, node=kind)
    OmegaConf.register_new_resolver("choices_of", choices_of, replace=True)
    OmegaConf.register_new_resolver("command", command_name, replace=True)
    OmegaConf.register_new_resolver("unused_folder", unused_folder, replace=True)
    forbid_environment()


def stored_class(group: str, name: str) -> type | None:
    """The class that Hydra's store has as an option of a group; to store it takes milliseconds."""
    entries: Any = ConfigStore.instance().repo
    for part in (*group.split("/"), f"{name}.yaml"):
        if part not in entries:
            return None
        entries = entries[part]
    return OmegaConf.get_type(entries.node)


def run_command(
    config_name: str, task: Task[Any], arguments: Sequence[str], *, relaunch: Sequence[str]
) -> None:
    """Compose `conf/<config_name>.yaml` with the arguments and give it to the task.

    The task receives the configuration as dataclasses, the folder chosen by hydra.run.dir, and the
    overrides. With --multirun a `Sweep` runs; the exit code is 1 if a combination of it failed.

    Args:
        relaunch: arguments of Python that call the same command, for the processes of a sweep.

    Raises:
        Exception: ConfigError if Hydra refuses the arguments, and what the task raised.
    """
    sweep, called = Sweep(relaunch), list(sys.argv)
    raised: list[Exception] = []
    as_user = os.environ.get(FULL_ERROR)

    @hydra.main(version_base="1.3", config_path=str(CONF), config_name=config_name)
    def main(config: DictConfig) -> None:
        sys.argv = called  # with which Lightning starts further processes
        runtime = HydraConfig.get()
        overrides = list(runtime.overrides.task)
        folder = Path(OmegaConf.to_container(runtime.runtime)["output_dir"])  # type: ignore[index, call-overload]
        with environment_variable(FULL_ERROR, as_user), without_empty(folder), kept(raised):
            if runtime.mode == RunMode.MULTIRUN and not raised:
                ensure_one_process(config)
                sweep.remaining = remaining_combinations(present, runtime.job.num, overrides)
                sweep.run(overrides, folder)
            elif not raised:
                task(to_dataclass(config), folder, overrides)

    with environment_variable(FULL_ERROR, "1"), contextlib.ExitStack() as at_end:
        present = prepare_command(arguments)
        if HELP.intersection(present):
            print(help_page(config_name))
            return
        at_end.callback(sweep.report)
        compose(main, called)
    if raised:
        raise raised[0]
    if sweep.failed or sweep.stopped:
        raise SystemExit(1)


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
    present = with_present_paths(arguments)
    ensure_no_edits(present)
    import_modules(imports_of(present) or [])
    register_schemas()
    sys.argv = [sys.argv[0], *present]
    return list(present)


def explain(error: Exception) -> str:
    """What Hydra or OmegaConf refused, as "option: what must hold; what would have been right"."""
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    first = str(error).strip().partition("\n")[0]
    if isinstance(error, OverrideParseException):
        return (
            f"{error.override}: cannot be read as OPTION=VALUE ({first}); put a value with special "
            "characters into quotes within quotes: 'OPTION=\"VALUE\"'"
        )
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return explain_choice(group, name, list(error.options or []))
    if isinstance(cause, ValidationError) and cause is not error:
        return f"{first.removeprefix('Error merging override ')}: {str(cause).splitlines()[0]}"
    text = re.sub(r"Could not override '(.*)'\.", r"\1: there is no such option", first)
    node, key = getattr(cause, "parent_node", None), getattr(cause, "key", None)
    if isinstance(node, DictConfig) and isinstance(key, str) and key not in node:
        text += f"; {choices(key, sorted(str(k) for k in node))}"
    return text


def explain_choice(group: str, name: str, legal: Sequence[str]) -> str:
    """Why a group has no such choice: there is none of this name, or it cannot serve the role."""
    if group in ROLE_GROUPS and name in MECHANISMS:
        role, _ = ROLE_GROUPS[group]
        return (
            f"{group}={name}: {name} cannot serve as {role.value}; choose from {', '.join(legal)}"
        )
    return f"{group}={name}: there is no such choice; {choices(name, legal)}"


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
