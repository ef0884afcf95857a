"""A composed configuration as the dataclasses of the package."""

from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seq2seq.attention.config import MECHANISMS
from seq2seq.config.interpolation import refusal
from seq2seq.config.saved import LAYER_LISTS, build_lists
from seq2seq.config.schema import RunConfig
from seq2seq.errors import ConfigError, choices
from seq2seq.imports import import_modules
from seq2seq.paths import expanded, with_paths
from seq2seq.processes import command_name
from seq2seq.training.config import TrainerConfig
from seq2seq.training.hardware import num_processes


def to_dataclass(config: DictConfig) -> Any:
    """The dataclasses of a composed node; names of mechanisms by layer become their options.

    Raises:
        ConfigError: a value is missing, a layer names an unknown mechanism, or an option asks for
            a variable of the environment.
    """
    try:
        return resolved(config)
    except OmegaConfBaseException as error:
        raise refusal(error) or error from error


def resolved(config: DictConfig) -> Any:
    """The same, unless an interpolation fails: then an error of OmegaConf."""
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        raise ConfigError([f"{key}: must be set; write {key}=VALUE" for key in missing])
    if "model" in config:
        for stack, option in LAYER_LISTS:
            layers = [
                layer_mechanism(x, f"model.{stack}.{option}") for x in config.model[stack][option]
            ]
            config.model[stack][option] = layers
    import_modules(config.imports)
    built = with_paths(OmegaConf.to_object(config), expanded)
    if isinstance(built, RunConfig):
        build_lists(built)
    return built


def layer_mechanism(choice: Any, path: str) -> Any:
    """The node of a mechanism that is chosen by name for a layer, with its default options."""
    if not isinstance(choice, str):
        return choice
    if choice not in MECHANISMS:
        raise ConfigError(
            f"{path}: no mechanism is called {choice!r}; {choices(choice, list(MECHANISMS))}"
        )
    return OmegaConf.structured(MECHANISMS[choice])


def ensure_one_process(config: DictConfig) -> None:
    """Raise ConfigError if a run of a sweep would start several processes."""
    trainer = OmegaConf.to_object(config.trainer) if "trainer" in config else None
    if isinstance(trainer, TrainerConfig) and num_processes(trainer) > 1:
        raise ConfigError(
            "trainer.strategy: a sweep trains in one process at a time, so that a signal or a "
            "failure ends one run; without -m, start the runs one after another: "
            f"for seed in 1 2; do {command_name('train')} seed=$seed; done"
        )
