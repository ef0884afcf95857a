"""Steps of each setting: given, configured, or found from a budget of tokens or minutes."""

import itertools
from collections.abc import Generator
from pathlib import Path

from seq2seq.bench.contest import announce
from seq2seq.bench_runs.comparison import Comparison
from seq2seq.bench_runs.ledger import now
from seq2seq.bench_runs.planning import (
    MAX_STEPS,
    ONLY_STEPS,
    TRAIN_COMMAND,
    WARM_UP_REPORTS,
    composed_plain,
    planned_overrides,
    value_at,
)
from seq2seq.bench_runs.run_results import seconds_per_step
from seq2seq.bench_runs.settings import Setting
from seq2seq.bounded import read_json
from seq2seq.config.interpolation import quoted
from seq2seq.errors import ConfigError, UserError
from seq2seq.jobs import Call, Job, run_jobs

PLAN_LOG = "plan.log"
READ_BY_BATCHES = ("data", "trainer", "seed", "init_from")  # parts that decide what is read
Steps = Generator[Call, int, int | None]


def plan_steps(comparison: Comparison) -> None:
    """Check every setting that is new, and write its steps and its overrides into the ledger.

    Raises:
        ConfigError: some cannot be trained; all problems are named.
        UserError: the steps of some were not found.
    """
    problems: list[str] = []
    for setting in comparison.sides:
        is_planned = "planned" in comparison.ledger.settings.get(setting.name, {})
        try:
            configuration = {} if is_planned else composed_plain(setting, comparison.settings.base)
        except ConfigError as error:
            problems += error.problems
        else:
            comparison.ledger.add_setting(setting, configuration)
    if problems:
        raise ConfigError(problems)
    comparison.ledger.save()
    run_jobs((planning(comparison, setting) for setting in comparison.sides), 1)
    if unplanned := [
        setting.name for setting in comparison.sides if "planned" not in comparison.entry(setting)
    ]:
        raise UserError(
            f"{', '.join(unplanned)}: the steps were not found; see the end of "
            f"{comparison.folder / unplanned[0] / PLAN_LOG}"
        )


def planning(comparison: Comparison, setting: Setting) -> Job:
    """Find the steps of a setting, unless the ledger has them."""
    entry = comparison.entry(setting)
    if "planned" in entry:
        return
    budget = comparison.settings.budget()
    steps = None
    if budget is not None:
        steps = yield from steps_of_budget(comparison, setting, *budget)
        if steps is None:
            return
    typed = comparison.typed(setting)
    entry["planned"] = planned_overrides(entry["configuration"], typed, steps)
    entry["steps"] = steps or value_at(entry["configuration"], MAX_STEPS)
    comparison.ledger.save()
    announce(f"{setting.name}: {entry['steps']:,} steps")


def steps_of_budget(comparison: Comparison, setting: Setting, name: str, amount: float) -> Steps:
    """The steps that a budget pays for; None if that could not be found."""
    if name == "target_tokens":
        return (yield from counted_steps(comparison, setting, int(amount)))
    if name == "minutes":
        return (yield from calibrated_steps(comparison, setting, amount))
    return int(amount)


def counted_steps(comparison: Comparison, setting: Setting, tokens: int) -> Steps:
    """The steps that read so many target tokens; counted once for settings that read alike."""
    if (steps := counted_already(comparison, setting)) is not None:
        return steps
    side = comparison.folder / setting.name
    counting = ["-m", "seq2seq.bench_runs.count_steps", str(tokens), str(side / "steps.json")]
    arguments = [*counting, *comparison.typed(setting)]
    code = yield comparison.call(setting, arguments, side / PLAN_LOG)
    if code:
        return None
    counted = read_json(side / "steps.json")
    assert isinstance(counted, dict), "count_steps writes a mapping"
    return int(counted["steps"])


def counted_already(comparison: Comparison, setting: Setting) -> int | None:
    """The steps of another setting that reads the same batches; None if there is none."""
    configuration = comparison.entry(setting)["configuration"]
    entries = [
        comparison.entry(other) for other in comparison.sides if other.checkout == setting.checkout
    ]
    for entry in entries:
        alike = all(configuration[x] == entry["configuration"][x] for x in READ_BY_BATCHES)
        if "planned" in entry and alike:
            return int(entry["steps"])
    return None


def calibrated_steps(comparison: Comparison, setting: Setting, minutes: float) -> Steps:
    """The steps that take so many minutes, by the median speed of a short run."""
    side = comparison.folder / setting.name
    run = next_folder(side / "calibration")
    place = [*comparison.thread_options(setting), f"hydra.run.dir={quoted(str(run))}"]
    announce(f"{setting.name}: a short run to measure the seconds of a step")
    arguments = [*TRAIN_COMMAND, *comparison.typed(setting), *ONLY_STEPS, *place]
    code = yield comparison.call(setting, arguments, side / PLAN_LOG)
    seconds = None if code else seconds_per_step(run, skipped=WARM_UP_REPORTS)
    if seconds is None:
        if not code:
            announce(f"{setting.name}: its reports hold no steps per second; choose --steps")
        return None
    comparison.entry(setting)["calibration"] = {"seconds_per_step": seconds, "time": now()}
    return max(1, round(minutes * 60 / seconds))


def next_folder(preferred: Path) -> Path:
    """A folder that is not there yet: an earlier calibration may have been interrupted."""
    names = (preferred.with_name(f"{preferred.name}_{number}") for number in itertools.count(1))
    return next(path for path in names if not path.exists())
