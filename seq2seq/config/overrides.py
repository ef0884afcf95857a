"""Overrides as they are typed, `path=value`: old names, modules to import, and edits to refuse."""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from seq2seq.config.groups import ROLE_GROUPS, groups_of
from seq2seq.config.interpolation import quoted
from seq2seq.config.schema import EvaluateConfig, RunConfig
from seq2seq.data.corpora import CORPORA
from seq2seq.errors import ConfigError
from seq2seq.paths import path_options, value_with_homes

RENAMED = {
    "initial": "init_from",
    "guided_alignment": "alignment_supervision",
    "alignment.shifted": "alignment.use_input_row",
    "guided_alignment.shifted": "alignment_supervision.use_input_row",
    "data.augmentation.cut_share": "data.augmentation.split_probability",
    "data.augmentation.cuts": "data.augmentation.split_samples",
}  # paths of version 0.1, each with its present one
IMPORTS = "imports"
SWEEP, SWEEPER = "sweep.", "hydra.sweeper."  # options of a sweep, and where Hydra has them
FLAGS_OF_FOLDERS = ("--config-dir", "-cd", "--config-path", "-cp")
FLAGS_WITH_VALUE = (
    *(*FLAGS_OF_FOLDERS, "--config-name", "-cn", "--cfg", "-c", "--package", "-p"),
    *("--info", "-i", "--experimental-rerun"),
)  # of Hydra
SPECIAL = re.compile("[=,]")  # characters of a path that Hydra's grammar gives a meaning
PLACES = ("resume", "hydra.run.dir", "hydra.sweep.dir")  # paths that are no options


def present_path(path: str) -> str:
    """The present name of an option: itself, unless it or a section of it was renamed."""
    parts = path.split(".")
    for count in range(len(parts), 0, -1):
        renamed = RENAMED.get(".".join(parts[:count]))
        if renamed is not None:
            return ".".join([renamed, *parts[count:]])
    return path


def with_present_paths(arguments: Sequence[str]) -> list[str]:
    """Command-line arguments with present names for old ones, and a note on each replacement.

    In the values of options that are paths, `~` is expanded.
    """
    present = []
    places = path_arguments()
    for argument in arguments:
        path, equals, value = argument.partition("=")
        name = present_path(path) if equals else path
        if equals and path.startswith(SWEEP):
            present.append(f"{SWEEPER}{argument.removeprefix(SWEEP)}")
            continue
        if name != path:
            print(f"note: {path}= is now called {name}=", file=sys.stderr)
        value = value_with_homes(value) if name in places else value
        present.append(f"{name}{equals}{value}")
    return present


def with_quoted_paths(arguments: Sequence[str]) -> list[str]:
    """Arguments whose paths Hydra reads as one text, also with the `=` and `,` of its own folders.

    A path in quotes, in a list or with an interpolation stays as it is. In a sweep `run=A,B` is two
    runs, unless there is a folder of this name.
    """
    sweeps = not {"-m", "--multirun"}.isdisjoint(arguments)
    places = path_arguments()
    quoted_arguments = []
    for argument in arguments:
        name, _, path = argument.partition("=")
        is_one = name.startswith("hydra.") or not sweeps or Path(path).exists()
        is_special = SPECIAL.search(path) and not path.startswith(("[", "'", '"'))
        if name in places and is_special and is_one and "${" not in path:
            argument = f"{name}={quoted(path)}"
        quoted_arguments.append(argument)
    return quoted_arguments


def flags_first(arguments: Sequence[str]) -> list[str]:
    """Arguments with Hydra's flags, and their values, before the overrides.

    Python's argparse refuses overrides on both sides of a flag.
    """
    flags: list[str] = []
    overrides: list[str] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        (flags if argument.startswith("-") else overrides).append(argument)
        if argument in FLAGS_WITH_VALUE and waiting:
            flags.append(waiting.pop(0))
    return [*flags, *overrides]


def path_arguments() -> set[str]:
    """Arguments `name=value` of commands whose values are paths."""
    names = {*PLACES, *path_options(RunConfig()), *path_options(EvaluateConfig())}
    for _, corpus in CORPORA.items():
        names |= {f"data.{option}" for option in path_options(corpus())}
    return names


def with_present_keys(saved: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """A mapping of an earlier version with every key under its present name."""
    present = {}
    for key, value in saved.items():
        key_path = f"{path}{key}"
        name = present_path(key_path).rpartition(".")[2]
        is_section = isinstance(value, Mapping)
        present[name] = with_present_keys(value, f"{key_path}.") if is_section else value
    return present


def imports_of(arguments: Sequence[str]) -> list[str] | None:
    """The modules that the last `imports=[...]` names; None without one.

    Raises:
        ConfigError: its value is no list of names.
    """
    typed = [item for item in arguments if item.startswith(f"{IMPORTS}=")]
    if not typed:
        return None
    try:
        names = OmegaConf.to_object(OmegaConf.from_dotlist(typed[-1:]))[IMPORTS]  # type: ignore[index, call-overload]
    except (OmegaConfBaseException, YAMLError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ConfigError(
            f"{IMPORTS}: must be a list of files and modules, not {typed[-1].partition('=')[2]!r}; "
            f"write {IMPORTS}=[path/to/my_attention.py]"
        )
    return names


def ensure_no_edits(arguments: Sequence[str]) -> None:
    """Reject overrides that Hydra would misapply: a list for a group, new keys, removed keys."""
    groups = {**groups_of("train"), **groups_of("evaluate")}
    for argument in arguments:
        if argument.startswith(("+", "~")):
            raise ConfigError(
                f"{argument}: options cannot be added or removed, only set; "
                f"leave out {argument[0]!r}"
            )
        group, _, value = argument.partition("=")
        if group in groups and value.lstrip().startswith("["):
            hint = "; to mix mechanisms by layer use model.encoder.layer_attention=[local,full]"
            hint = hint if group in ROLE_GROUPS else ""
            raise ConfigError(f"{group}: takes one option, not a list ({argument}){hint}")
