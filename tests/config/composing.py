"""Configurations as commands compose them, without a fixture."""

from functools import cache
from typing import Any, cast

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from seq2seq.config.composed import to_dataclass
from seq2seq.config.groups import CONF
from seq2seq.config.schema import RunConfig
from seq2seq.config.store import register_schemas


def composed_config(name: str, *overrides: str) -> Any:
    """The dataclass that a command line of train.py or evaluate.py gives."""
    register_schemas()
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        return to_dataclass(compose(config_name=name, overrides=list(overrides)))


@cache
def composed_run(*overrides: str) -> RunConfig:
    """A run's configuration. It is shared between callers: do not change it."""
    return cast(RunConfig, composed_config("train", *overrides))
