"""Groups of options that the command line offers: `encoder_attention=local`, `model=small`.

The options of a group are the YAML files of a folder of `conf/`. The three attentions and the
position scheme have the classes of their registries instead, with the defaults of the classes.
"""

import textwrap
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import TypeVar, get_type_hints

from omegaconf import MISSING, DictConfig, OmegaConf

from seq2seq.attention.config import MECHANISMS, AttentionConfig, Role
from seq2seq.data.config import DataConfig
from seq2seq.data.corpora import CORPORA
from seq2seq.position.config import POSITION_SCHEMES, PositionConfig

PACKAGE_FOLDER = Path(__file__).parents[1]
INSTALLED = PACKAGE_FOLDER / "conf"
CONF = (
    INSTALLED if INSTALLED.is_dir() else PACKAGE_FOLDER.parent / "conf"
)  # of a wheel, of a checkout
ROLE_GROUPS = {
    "encoder_attention": (Role.ENCODER, "model.encoder.self_attention"),
    "decoder_attention": (Role.CAUSAL, "model.decoder.self_attention"),
    "cross_attention": (Role.CROSS, "model.decoder.cross_attention"),
}
T = TypeVar("T")


@dataclass(frozen=True)
class ClassGroup:
    """A group whose options are classes.

    Attributes:
        path: of the option that the chosen class becomes.
        classes: by name.
    """

    path: str
    classes: dict[str, type]


def classes_by_base() -> dict[type, dict[str, type]]:
    """The classes that `name` tells apart, by their base: what a saved configuration may name."""
    return {
        AttentionConfig: dict(MECHANISMS.items()),
        PositionConfig: dict(POSITION_SCHEMES.items()),
        DataConfig: dict(CORPORA.items()),
    }


def class_groups() -> dict[str, ClassGroup]:
    """The groups whose options are classes, by name."""
    groups = {"position": ClassGroup("model.position", dict(POSITION_SCHEMES.items()))}
    for group, (role, path) in ROLE_GROUPS.items():
        able = {name: kind for name, kind in MECHANISMS.items() if role in kind.roles}
        groups[group] = ClassGroup(path, able)
    return groups


def group_options(group: str) -> list[str]:
    """The names of a group's options, in alphabetical order; none for what is no group."""
    if group in (groups := class_groups()):
        return sorted(groups[group].classes)
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def groups_of(config_name: str) -> dict[str, str]:
    """The groups of a command, each with its default option ("None" for no option)."""
    entries = OmegaConf.load(CONF / f"{config_name}.yaml").defaults
    pairs = [next(iter(entry.items())) for entry in entries if isinstance(entry, DictConfig)]
    return {str(group): str(option) for group, option in pairs if group_options(str(group))}


def choices_of(config_name: str) -> str:
    """The groups of a command with their options, the default in brackets: for --help."""
    lines = []
    for group, default in groups_of(config_name).items():
        options = group_options(group)
        shown = ", ".join(f"[{option}]" if option == default else option for option in options)
        start = f"  {group:21} "
        lines.append(textwrap.fill(shown, 100, initial_indent=start, subsequent_indent=" " * 24))
    return "\n".join(lines)


def without_choices(config: T) -> T:
    """A configuration in which every option that a class is chosen for is missing.

    OmegaConf merges a class into a node that holds its base or nothing, not one that holds another
    class: defaults would forbid any other choice.
    """
    for item, hint in get_type_hints(type(config)).items():
        if hint in classes_by_base():
            setattr(config, item, MISSING)
        elif is_dataclass(hint):
            without_choices(getattr(config, item))
    return config
