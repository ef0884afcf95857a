"""Compose configurations as the commands do, without running anything."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from seq2seq.config.composed import to_dataclass
from seq2seq.config.groups import CONF
from seq2seq.config.store import register_schemas

Compose = Callable[..., Any]


@pytest.fixture
def composed() -> Iterator[Compose]:
    """composed("train", "model=base", ...): the dataclass that a command line gives."""
    register_schemas()
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        yield lambda name, *overrides: to_dataclass(
            compose(config_name=name, overrides=list(overrides))
        )
