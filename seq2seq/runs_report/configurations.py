"""Rows of a report: the seeds of a configuration, and what tells it from the others."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seq2seq.errors import ConfigError, DataError
from seq2seq.runs_report.run_result import RunResult

NO_DIFFERENCE = (
    *("name", "seed", "logger", "imports", "alignment.heatmaps"),
    *("data.cache_dir", "data.verify", "data.root", "data.batch.ahead"),
    *("trainer.num_threads", "trainer.progress_every", "trainer.report_every"),
    *("trainer.keep_last", "trainer.evaluate", "trainer.accelerator"),
    *("decoding.batch_size", "decoding.batch_tokens", "decoding.workers"),
    *("decoding.inter_threads", "decoding.intra_threads"),
)  # options, or sections, in which runs of one configuration may differ: results do not follow them
NOT_IN_NAMES = (*NO_DIFFERENCE, "hydra", "resume")


@dataclass(frozen=True)
class Configuration:
    """A row: the runs of one configuration.

    Attributes:
        label: what tells it from the others.
        runs: in the order of their seeds, each seed once.
    """

    label: str
    runs: tuple[RunResult, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(run.seed for run in self.runs)


def flattened(options: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested options by their paths; lists are values."""
    flat: dict[str, Any] = {}
    for name, value in options.items():
        if isinstance(value, Mapping) and value:
            flat |= flattened(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def is_below(path: str, paths: Iterable[str]) -> bool:
    """Whether a path is one of several, or lies in a section that is."""
    return any(path == entry or path.startswith(f"{entry}.") for entry in paths)


def telling_options(run: RunResult) -> tuple[tuple[str, str], ...]:
    """The options that a run's results follow from, with values as text: equal for equal rows."""
    options = run.configuration
    return tuple((path, repr(options[path])) for path in telling_paths(options))


def telling_paths(options: Iterable[str]) -> list[str]:
    """The paths, in their order, of the options that results follow from."""
    return sorted(path for path in options if not is_below(path, NO_DIFFERENCE))


def configurations_of(runs: Sequence[RunResult]) -> list[Configuration]:
    """The rows of some runs, in the order of their first runs.

    Raises:
        ConfigError: two configurations have one name.
        DataError: two runs have one configuration and one seed.
    """
    by_options: dict[Any, dict[int, RunResult]] = {}
    for run in runs:
        seeds = by_options.setdefault(telling_options(run), {})
        if run.seed in seeds:
            raise DataError(
                f"{seeds[run.seed].run} and {run.run} have one configuration and the seed "
                f"{run.seed}; every run must be another: leave out one of the two"
            )
        seeds[run.seed] = run
    rows = [tuple(seeds[seed] for seed in sorted(seeds)) for seeds in by_options.values()]
    computed = row_labels([row[0] for row in rows])
    names = (next((run.name for run in row if run.name), "") for row in rows)
    labels = [name or label for name, label in zip(names, computed, strict=True)]
    if twice := [label for label, count in Counter(labels).items() if count > 1]:
        raise ConfigError(
            f"--name: {twice[0]!r} must name one configuration, not several; choose another name"
        )
    return [Configuration(label, row) for label, row in zip(labels, rows, strict=True)]


def row_labels(runs: Sequence[RunResult]) -> list[str]:
    """What tells each of several configurations from the others, as short as possible.

    The overrides that not all have; where these are equal, the options that differ.
    """
    overrides = [set(filter(is_in_names, run.overrides)) for run in runs]
    shared = set.intersection(*overrides) if len(runs) > 1 else set()
    labels = [" ".join(sorted(entry - shared)) or "default" for entry in overrides]
    for label in [label for label, count in Counter(labels).items() if count > 1]:
        places = [place for place, name in enumerate(labels) if name == label]
        options = [runs[place].configuration for place in places]
        differing = differing_paths(options)
        for place, values in zip(places, options, strict=True):
            parts = [f"{path}={values.get(path, 'absent')}" for path in differing]
            labels[place] = " ".join([*([] if label == "default" else [label]), *parts])
    return labels


def differing_paths(options: Sequence[Mapping[str, Any]]) -> list[str]:
    """The paths of the options that results follow from and that not all configurations share."""
    telling = telling_paths({path for entry in options for path in entry})
    return [path for path in telling if len({repr(entry.get(path)) for entry in options}) > 1]


def is_in_names(override: str) -> bool:
    """Whether an override may tell configurations apart."""
    path = override.partition("=")[0].lstrip("+~")
    return not is_below(path, NOT_IN_NAMES)
