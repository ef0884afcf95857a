"""What Hydra refuses, in the words of this package."""

import re
from collections.abc import Sequence

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException, ValidationError

from seq2seq.attention.config import MECHANISMS
from seq2seq.config.groups import ROLE_GROUPS
from seq2seq.errors import choices


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
