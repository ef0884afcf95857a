"""What `seq2seq bench quality` compares: settings, seeds and a budget. Imports no torch."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seq2seq.bench.plan import read_yaml_settings
from seq2seq.config.groups import CONF
from seq2seq.errors import ConfigError
from seq2seq.options import Options, number
from seq2seq.paths import name_problem

SCREENING = CONF / "bench" / "quality.yaml"
BUDGETS = ("steps", "target_tokens", "minutes")
MEASURES = ("loss", "bleu")  # of validation, whose means are tested
DECIDED = {
    "seed": "choose the number of seeds",
    "resume": "the benchmark continues its own runs",
    "hydra.run.dir": "choose the folder of all runs with --output",
    "trainer.evaluate": "name the settings whose test split is read with --test",
}  # options that a setting cannot have, each with the way out


@dataclass(frozen=True)
class Setting:
    """One side of a comparison.

    Attributes:
        overrides: options of `seq2seq train`, beside those of all settings.
        checkout: folder of another version's sources, with which the setting is trained; None for
            this version.
    """

    name: str
    overrides: tuple[str, ...]
    checkout: str | None = None


@dataclass
class QualitySettings(Options):
    """The content of conf/bench/quality.yaml.

    Attributes:
        base: options of `seq2seq train` that all settings have.
        seeds: each setting is trained with the seeds 1, 2, ... up to this one.
        steps: budget of a run in optimizer steps.
        target_tokens: budget in target tokens, from which each setting's steps follow.
        minutes: budget in minutes of optimizer steps on this machine, from which they follow too.
        deviations: standard deviation over seeds of loss and bleu, where it is known.
        settings: by name, a list of overrides, the same as one text, or a mapping with `overrides`
            and `checkout`. The first is what the others are compared with.
    """

    base: list[str] = field(default_factory=list)
    seeds: int = number(1, at_least=1, at_most=1000)
    steps: int | None = number(None, at_least=1)
    target_tokens: int | None = number(None, at_least=1)
    minutes: float | None = number(None, above=0)
    deviations: dict[str, float] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def problems(self) -> list[str]:
        problems = list(super().problems())
        if len(budgets := [name for name in BUDGETS if getattr(self, name) is not None]) > 1:
            problems.append(f"{' and '.join(budgets)}: exclude each other; choose one")
        if not self.settings:
            problems.append("settings: must name at least one; write --setting NAME=OVERRIDES")
        for name, value in self.deviations.items():
            if name not in MEASURES or not value > 0:
                problems.append(
                    f"deviations.{name}: must be a number above 0 of {' or '.join(MEASURES)}, not "
                    f"{value}; write --deviation bleu=0.3"
                )
        for name in self.settings:
            if problem := name_problem(name):
                problems.append(f"settings: {name}: {problem}")
        return problems + decided_problems(self)

    def budget(self) -> tuple[str, float] | None:
        """The name and the amount of the budget; None for the steps that are configured."""
        for name in BUDGETS:
            if (amount := getattr(self, name)) is not None:
                return name, amount
        return None

    def comparison(self) -> list[Setting]:
        """The settings in their order, the baseline first."""
        return [as_setting(name, entry) for name, entry in self.settings.items()]


def decided_problems(settings: QualitySettings) -> list[str]:
    """A problem for each override that the benchmark sets itself, or that is none."""
    decided = dict(DECIDED)
    if (budget := settings.budget()) is not None:
        decided["trainer.max_steps"] = f"it follows from {budget[0]}"
    sides = [("base", settings.base)]
    sides += [(setting.name, list(setting.overrides)) for setting in settings.comparison()]
    problems = []
    for side, overrides in sides:
        for override in overrides:
            path, equals, _ = override.partition("=")
            if not equals or path.startswith("-"):
                problems.append(f"{side}: must hold OPTION=VALUE, not {override!r}; correct it")
            elif path in decided:
                problems.append(f"{side}: cannot set {path}; {decided[path]}")
    return problems


def as_setting(name: str, entry: object) -> Setting:
    """The setting that an entry of the file, or of the command line, describes.

    Raises:
        ConfigError: it is no list, text or mapping of them.
    """
    if isinstance(entry, dict) and entry.keys() <= {"overrides", "checkout"}:
        overrides = as_setting(name, entry.get("overrides", [])).overrides
        checkout = entry.get("checkout")
        return Setting(name, overrides, str(Path(checkout).absolute()) if checkout else None)
    if isinstance(entry, str):
        return Setting(name, tuple(shlex.split(entry)))
    if entry is None or (isinstance(entry, list) and all(isinstance(x, str) for x in entry)):
        return Setting(name, tuple(entry or ()))
    raise ConfigError(
        f"settings.{name}: must be a list of overrides, or a mapping with overrides and checkout, "
        f"not {entry!r}; write [model.dropout=0.2]"
    )


def read_settings(file: Path | None, typed: Sequence[str]) -> QualitySettings:
    """The settings of a file, and those that a command line adds as NAME=OVERRIDES.

    Args:
        file: None for conf/bench/quality.yaml, which is read only if the command line names none.

    Raises:
        ConfigError: the file is missing, or has an unknown setting or a wrong type.
    """
    path = file or (None if typed else SCREENING)
    settings = QualitySettings() if path is None else file_settings(path)
    for text in typed:
        name, _, overrides = text.partition("=")
        settings.settings[name] = overrides
    return settings


def file_settings(path: Path) -> QualitySettings:
    """The settings of a YAML file. Raises as `read_yaml_settings`."""
    missing = "there is no such file; name a YAML file of settings"
    return read_yaml_settings(QualitySettings, path, missing)
