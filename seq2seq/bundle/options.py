"""Options that were set from Python, checked as those of a command line are."""

import copy
from dataclasses import asdict, fields
from typing import Generic, TypeVar

from omegaconf import MISSING

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.config.saved import from_mapping
from seq2seq.decoding.config import DecodingConfig
from seq2seq.errors import ConfigError, choices
from seq2seq.options import problems_in

SectionT = TypeVar("SectionT", DecodingConfig, AlignmentConfig)


class CheckedOptions(Generic[SectionT]):
    """`checked_options`, which takes as long as translating dozens of lines, of each change once.

    Args:
        loaded: the options before they are changed; a copy is kept.
    """

    def __init__(self, section: str, loaded: SectionT) -> None:
        self.section = section
        self.loaded: SectionT = copy.deepcopy(loaded)
        self._last: tuple[str, SectionT] | None = None

    def of(self, config: SectionT) -> SectionT:
        """See `checked_options`."""
        # Not by equality: 1 and True are equal.
        described = f"{type(config)} {getattr(config, '__dict__', None)!r}"
        if self._last is None or self._last[0] != described:
            self._last = described, checked_options(config, self.section, self.loaded)
        return copy.deepcopy(self._last[1])


def checked_options(config: SectionT, section: str, loaded: SectionT | None = None) -> SectionT:
    """A copy of the options with every value in the type of its option, such as an enum.

    Args:
        section: precedes the option in messages, such as "decoding".
        loaded: the options before they were changed, if those are not the defaults. Only changed
            options are refused because nothing reads them.

    Raises:
        ConfigError: there is no such option, or a value has a wrong type or is out of its range.
    """
    kind = {"decoding": DecodingConfig, "alignment": AlignmentConfig}[section]
    if not isinstance(config, kind):
        raise ConfigError(
            f"{section}: must be a {kind.__name__}, not {type(config).__name__}; set single "
            f"options, model.{section}.OPTION = VALUE"
        )
    names = [option.name for option in fields(config)]
    problems = [
        f"{section}.{name}: is no option; {choices(name, names)}"
        for name in vars(config)
        if name not in names
    ]
    problems += [
        f"{section}.{name}: must be a value, not {value!r}, which OmegaConf would replace"
        for name, value in vars(config).items()
        if isinstance(value, str) and ("${" in value or value == MISSING)
    ]
    if problems:
        raise ConfigError(problems)
    try:
        typed = from_mapping(type(config), asdict(config))
    except ConfigError as error:
        raise ConfigError([f"{section}.{problem}" for problem in error.problems]) from error
    if problems := list(problems_in(typed, f"{section}.", default=loaded)):
        raise ConfigError(problems)
    return typed
