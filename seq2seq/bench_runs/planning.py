"""The steps of each setting, and the options that plan its runs for them."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from seq2seq.bench_runs.settings import Setting
from seq2seq.config.overrides import imports_of
from seq2seq.config.plain import as_plain
from seq2seq.errors import ConfigError

TRAIN_COMMAND = ("-m", "seq2seq.cli.main", "train")  # arguments of Python
MAX_STEPS = "trainer.max_steps"
SCALED = ("schedule.warmup_steps", "trainer.validate_every", "trainer.checkpoint_every")
CALIBRATION_STEPS, CALIBRATION_REPORTS = 120, 20  # steps of a short run, and between its reports
WARM_UP_REPORTS = 2  # first reports of a calibration, in which much is done for the first time
ONLY_STEPS = (
    f"{MAX_STEPS}={CALIBRATION_STEPS}",
    f"trainer.report_every={CALIBRATION_REPORTS}",
    f"trainer.validate_every={CALIBRATION_STEPS}",
    f"trainer.checkpoint_every={CALIBRATION_STEPS}",
    "trainer.bleu_lines=0",
    "trainer.metric=loss",
    "trainer.evaluate=false",
)  # of a run whose steps alone are of interest


def composed_plain(setting: Setting, base: Sequence[str]) -> dict[str, Any]:
    """The configuration of a setting, checked, as plain data.

    Raises:
        ConfigError: it cannot be trained; every problem is named after the setting.
    """
    overrides = [*base, *setting.overrides]
    if setting.checkout is not None:
        return composed_elsewhere(setting, overrides)
    from seq2seq.config.store import composed_run
    from seq2seq.run.start import check_run

    try:
        config = composed_run(overrides)
        check_run(config)
    except ConfigError as error:
        raise ConfigError([f"{setting.name}: {problem}" for problem in error.problems]) from error
    plain: dict[str, Any] = as_plain(config)
    return plain


def composed_elsewhere(setting: Setting, overrides: Sequence[str]) -> dict[str, Any]:
    """The configuration that the sources of a checkout compose, which check it when they train.

    Raises:
        ConfigError: they refuse it.
    """
    command = [sys.executable, *TRAIN_COMMAND, *overrides, "--cfg", "job"]
    try:
        ended = subprocess.run(
            command, cwd=setting.checkout, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise ConfigError(
            f"{setting.name}: checkout {setting.checkout} must be a folder of sources ({error}); "
            "correct it"
        ) from error
    if ended.returncode:
        reason = (ended.stderr.strip().splitlines() or ["no message"])[-1]
        raise ConfigError(f"{setting.name}: {setting.checkout} refuses it: {reason}")
    plain: dict[str, Any] = yaml.safe_load(ended.stdout)
    return plain


def planned_overrides(
    plain: Mapping[str, Any], typed: Sequence[str], steps: int | None
) -> list[str]:
    """Overrides that plan a run for a number of steps, after those that were typed.

    Warm-up and the intervals of validation and of checkpoints keep their shares of the run unless
    they were typed. The cosine and linear schedules end with the run by themselves.

    Args:
        plain: the configuration before.
        steps: None leaves what is configured.
    """
    if steps is None:
        return list(typed)
    share = steps / value_at(plain, MAX_STEPS)
    names = {override.partition("=")[0] for override in typed}
    scaled = []
    for path in SCALED:
        before = value_at(plain, path)
        if path not in names:
            scaled.append(f"{path}={max(min(before, 1), round(before * share))}")
    return [*typed, *scaled, f"{MAX_STEPS}={steps}"]


def value_at(plain: Mapping[str, Any], path: str) -> int:
    """A whole number of a plain configuration by its path."""
    section, _, name = path.partition(".")
    return int(plain[section][name])


def imported_names(setting: Setting, base: Sequence[str]) -> list[str]:
    """The modules of the user that a setting names, which its evaluation imports as well."""
    return imports_of([*base, *setting.overrides]) or []
