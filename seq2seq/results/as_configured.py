"""The options of an evaluation: those of its run, except for what a command sets."""

import logging
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from seq2seq.config.plain import as_plain, differences
from seq2seq.config.schema import EvaluateConfig, RunConfig
from seq2seq.errors import ConfigError
from seq2seq.options import problems_of_set

logger = logging.getLogger(__name__)

SECTIONS = ("decoding", "alignment")  # that a run and its evaluation have


def as_configured(
    config: EvaluateConfig, run: RunConfig, overrides: Sequence[str] = ()
) -> EvaluateConfig:
    """An evaluation that decodes and aligns as the run was configured.

    Args:
        config: whose decoding and alignment hold the values of the overrides.
        overrides: of a command line. `decoding.beam_size=1` sets one option, and a group,
            `decoding=greedy`, all of its section.

    Raises:
        ConfigError: options contradict each other, or one is set but not read.
    """
    problems: list[str] = []
    sections: dict[str, Any] = {}
    for section in SECTIONS:
        names = set_options(config, section, overrides)
        values = {name: getattr(getattr(config, section), name) for name in names}
        sections[section] = replace(getattr(run, section), **values)
        problems += problems_of_set(sections[section], names, f"{section}.")
    if problems:
        raise ConfigError(problems)
    return replace(config, **sections)


def set_options(config: EvaluateConfig, section: str, overrides: Sequence[str]) -> set[str]:
    """The names of a section's options that overrides set."""
    paths = [override.partition("=")[0] for override in overrides]
    if section in paths:
        return {item.name for item in fields(getattr(config, section))}
    prefix = f"{section}."
    return {path.removeprefix(prefix) for path in paths if path.startswith(prefix)}


def log_changes(config: EvaluateConfig, run: RunConfig) -> None:
    """Log the options in which an evaluation differs from the configuration of its run."""
    changes = [
        f"{path}={as_plain(value)} instead of {as_plain(configured)}"
        for section in SECTIONS
        for path, configured, value in differences(
            getattr(run, section), getattr(config, section), section
        )
    ]
    if changes:
        logger.info("other than the run was configured: %s", ", ".join(changes))
