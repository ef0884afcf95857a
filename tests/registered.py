"""What tests register for the whole process, and its removal."""

import sys
from typing import Any

from seq2seq.attention.config import MECHANISMS
from seq2seq.data.config import CORPORA
from seq2seq.data.kinds.base import SOURCE_KINDS
from seq2seq.data.sources.readers import CORPUS_READERS
from seq2seq.metrics.base import METRICS
from seq2seq.position.config import POSITION_SCHEMES
from seq2seq.registry import Registry
from seq2seq.training.auxiliary import AUXILIARY_LOSSES
from seq2seq.training.transforms import BATCH_TRANSFORMS

IMPORTED = "seq2seq_imports_"  # begins the names of a user's modules
REGISTRIES: list[Registry[Any]] = [
    AUXILIARY_LOSSES,
    BATCH_TRANSFORMS,
    CORPORA,
    CORPUS_READERS,
    MECHANISMS,
    METRICS,
    POSITION_SCHEMES,
    SOURCE_KINDS,
]


class Registered:
    """What all registries hold now; `remove_further` puts that back.

    A name that a test registers would otherwise stay: in its registry, as an option in Hydra's
    store, where later compositions see it, and its module would not be imported again.
    """

    def __init__(self) -> None:
        self.names = [set(registry) for registry in REGISTRIES]
        self.modules = imported_modules()

    def remove_further(self) -> None:
        for module in imported_modules() - self.modules:
            del sys.modules[module]
        for registry, names in zip(REGISTRIES, self.names, strict=True):
            for name in set(registry) - names:
                registry.remove(name)
                forget_option(name)


def imported_modules() -> set[str]:
    return {name for name in sys.modules if name.startswith(IMPORTED)}


def forget_option(name: str) -> None:
    """Take a name out of all groups of Hydra's store, if Hydra is imported."""
    if (module := sys.modules.get("hydra.core.config_store")) is None:
        return
    groups: list[dict[str, Any]] = [module.ConfigStore.instance().repo]
    while groups:
        group = groups.pop()
        group.pop(f"{name}.yaml", None)
        groups += [entry for entry in group.values() if isinstance(entry, dict)]
