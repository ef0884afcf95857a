"""What Hydra's store holds: dataclasses under the names that the command line has for them."""

from collections.abc import Mapping
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from seq2seq.config.folders import unused_folder
from seq2seq.config.groups import choices_of, class_groups, without_choices
from seq2seq.config.interpolation import forbid_environment
from seq2seq.config.schema import EvaluateConfig, RunConfig
from seq2seq.data.corpora import CORPORA
from seq2seq.processes import command_name


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
