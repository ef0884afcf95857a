"""Configurations outside Hydra: read from a YAML file or from a plain mapping.

A saved configuration names its mechanisms, position scheme and corpus by `name`. The classes are
looked up in registries, so nothing that a file contains is ever imported or executed. Nothing is
resolved either: `${oc.env:HOME}` in a file or mapping is text.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, cast, get_type_hints

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from seq2seq.attention.config import AttentionConfig
from seq2seq.bounded import read_yaml
from seq2seq.config.former_defaults import with_former_defaults
from seq2seq.config.groups import classes_by_base
from seq2seq.config.interpolation import BEFORE_BRACE, forbid_environment, refusal
from seq2seq.config.overrides import IMPORTS, with_present_keys
from seq2seq.config.schema import RunConfig
from seq2seq.errors import CheckpointError, ConfigError, choices
from seq2seq.options import without_unread
from seq2seq.registry import Registry
from seq2seq.training.auxiliary import AUXILIARY_LOSSES
from seq2seq.training.transforms import BATCH_TRANSFORMS

T = TypeVar("T")
LAYER_LISTS = (
    ("encoder", "layer_attention"),
    ("decoder", "layer_attention"),
    ("decoder", "layer_cross_attention"),
)
NAMED_LISTS: dict[str, Registry[Any]] = {
    "batch_transforms": BATCH_TRANSFORMS,
    "auxiliary_losses": AUXILIARY_LOSSES,
}  # options of a run that list classes of a registry
MAX_ENTRIES = 5_000  # of a list, each of which costs OmegaConf time, as does an interpolation
MAX_INTERPOLATIONS = 1_000


def from_mapping(kind: type[T], plain: Mapping[str, Any]) -> T:
    """The dataclass that a mapping describes, with its types checked.

    Raises:
        ConfigError: an unknown key, a wrong type, a name that does not exist.
    """
    try:
        config = OmegaConf.merge(OmegaConf.structured(_skeleton(kind, plain)), literal(plain))
        built = cast(T, OmegaConf.to_object(config))
    except OmegaConfBaseException as error:
        raise ConfigError(
            f"{error.full_key or kind.__name__}: {str(error).splitlines()[0]}"
        ) from error
    if isinstance(built, RunConfig):
        build_lists(built)
    return built


def with_overrides(config: T, overrides: Sequence[str], prefix: str = "") -> T:
    """A configuration with values set by their paths, "beam_size=5".

    An interpolation in an override is resolved, in the configuration it is text. The environment
    is not read, as nowhere in options.

    Args:
        prefix: of the paths in messages, "decoding." for a section.

    Raises:
        ConfigError: an unknown path, a value of a wrong type, or a variable of the environment.
    """
    forbid_environment()
    try:
        values = OmegaConf.from_dotlist(list(overrides))
        changed = OmegaConf.merge(OmegaConf.structured(literal(config)), values)
        built = cast(T, OmegaConf.to_object(changed))
    except OmegaConfBaseException as error:
        reason = ConfigError(f"{prefix}{error.full_key}: {str(error).splitlines()[0]}")
        raise refusal(error) or reason from error
    except YAMLError as error:
        raise ConfigError(f"{' '.join(overrides)}: is not path=value: {error}") from error
    if isinstance(built, RunConfig):
        build_lists(built)
    return built


def literal(value: Any) -> Any:
    """A copy of a plain value or of dataclasses that OmegaConf turns into the value itself.

    Without it, OmegaConf would resolve `${...}` against the environment of this machine.
    """
    if isinstance(value, str):
        return BEFORE_BRACE.sub(r"\1\1\${", value)
    if isinstance(value, Mapping):
        return {name: literal(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [literal(part) for part in value]
    if is_dataclass(value) and not isinstance(value, type):
        copied = copy.copy(value)
        for item in fields(value):
            setattr(copied, item.name, literal(getattr(value, item.name)))
        return copied
    return value


def build_lists(run: RunConfig) -> None:
    """Turn the entries of lists of choices into their dataclasses.

    Raises:
        ConfigError: an entry has an unknown name, an unknown option or a value of a wrong type.
    """
    for stack, option in LAYER_LISTS:
        part = getattr(run.model, stack)
        path = f"model.{stack}.{option}"
        layers = [_mechanism(x, f"{path}[{i}]") for i, x in enumerate(getattr(part, option))]
        setattr(part, option, layers)
    for option, registry in NAMED_LISTS.items():
        entries = getattr(run, option)
        built = [_named(x, registry, f"{option}[{index}]") for index, x in enumerate(entries)]
        setattr(run, option, built)


def load_run_config(path: Path) -> RunConfig:
    """The configuration that a run saved. It imports nothing: see `saved_imports`.

    Raises:
        CheckpointError: the file is missing, is not such a configuration, or names a class of a
            module that has not been imported.
    """
    saved = _read(path)
    try:
        run = from_mapping(RunConfig, saved)
    except ConfigError as error:
        hint = ""
        if modules := _imports(saved, path):
            names = ",".join(modules)
            hint = (
                f"; it was written with these modules: if you trust them, add {IMPORTS}=[{names}]"
            )
        raise CheckpointError(
            f"{path} is not a configuration of this version: {error}{hint}"
        ) from error
    run.decoding = without_unread(run.decoding)
    run.alignment = without_unread(run.alignment)
    return run


def saved_imports(path: Path) -> list[str]:
    """The modules that a run's configuration names, for a caller who trusts that run.

    Raises:
        CheckpointError: as for `load_run_config`.
    """
    return _imports(_read(path), path)


def _read(path: Path) -> dict[str, Any]:
    """The mapping in a file, as this version would have saved it."""
    if not path.is_file():
        raise CheckpointError(
            f"{path.parent} is not a folder of a run: it has no {path.name}; name the folder of one"
        )
    try:
        saved = read_yaml(path)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} cannot be read as a configuration: {error}; restore it from a copy"
        ) from error
    if not isinstance(saved, dict) or not all(isinstance(name, str) for name in saved):
        raise CheckpointError(f"{path} is not a configuration: it must hold options by name")
    if path.read_bytes().count(b"${") > MAX_INTERPOLATIONS:
        raise CheckpointError(
            f"{path} is not a configuration: it has more than {MAX_INTERPOLATIONS:,} ${{"
        )
    return as_saved_now(saved)


def as_saved_now(saved: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping that an earlier version saved, with its keys under their present names and whole.

    An option that it lacks means what that version did, whatever the default is now.
    """
    return with_former_defaults(with_present_keys(saved))


def _imports(saved: Mapping[str, Any], path: Path) -> list[str]:
    names = saved.get(IMPORTS) or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise CheckpointError(f"{path}: {IMPORTS} must be a list of files and modules")
    return names


def _mechanism(entry: Any, path: str) -> AttentionConfig:
    """The dataclass of a layer's mechanism, from its name or a mapping with name and options."""
    if isinstance(entry, AttentionConfig):
        return entry
    try:
        return from_mapping(AttentionConfig, entry if isinstance(entry, dict) else {"name": entry})
    except ConfigError as error:
        raise ConfigError(f"{path}.{error}") from error


def _named(entry: Any, registry: Registry[Any], path: str) -> Any:
    """The dataclass of a name, or of a mapping with a name and options."""
    if is_dataclass(entry):
        return entry
    options = entry if isinstance(entry, Mapping) else {"name": entry}
    name = str(options.get("name", ""))
    if name not in registry:
        hint = f"{choices(name, list(registry))}, or " if len(registry) else ""
        raise ConfigError(
            f"{path}: no {registry.kind} is called {name!r}; "
            f"{hint}name the module that defines it in {IMPORTS}="
        )
    try:
        return from_mapping(registry[name], options)
    except ConfigError as error:
        raise ConfigError(f"{path}.{error}") from error


def _skeleton(kind: type, plain: Mapping[str, Any]) -> Any:
    """A dataclass with its defaults, in which each choice by name is of the class of that name."""
    kind = _concrete(kind, plain)
    node = kind()
    hints = get_type_hints(kind)
    for item in fields(kind):
        hint, value = hints[item.name], plain.get(item.name)
        if is_dataclass(hint) and isinstance(value, Mapping):
            setattr(node, item.name, _skeleton(cast(type, hint), value))
        elif isinstance(value, str) and isinstance(getattr(node, item.name), list):
            raise ConfigError(f"{item.name}: must be a list, not {value!r}; write [{value}]")
        elif isinstance(value, list) and len(value) > MAX_ENTRIES:
            raise ConfigError(f"{item.name}: must have at most {MAX_ENTRIES:,} entries")
    return node


def _concrete(kind: type, plain: Mapping[str, Any]) -> type:
    """The class that `name` chooses, or the class itself if it has no choices."""
    classes = classes_by_base().get(kind)
    if classes is None:
        return kind
    name = str(plain.get("name", ""))
    if name not in classes:
        raise ConfigError(
            f"name: no {kind.__name__} is called {name!r}; {choices(name, list(classes))}"
        )
    return classes[name]
