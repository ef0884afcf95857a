"""Configurations from command lines."""

from collections.abc import Sequence
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from seq2seq.config.composed import to_dataclass
from seq2seq.config.groups import CONF
from seq2seq.config.store import register_schemas


def composed(name: str, overrides: Sequence[str]) -> Any:
    """The configuration of a script, "train" or "evaluate", as its command line gives it."""
    register_schemas()
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        return to_dataclass(compose(config_name=name, overrides=list(overrides)))
