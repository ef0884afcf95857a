"""Training of every seed of every setting, and reading of held-out text."""

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

from seq2seq.bench.contest import announce
from seq2seq.bench.machine import machine_text
from seq2seq.bench_runs.code import commit_of, sources_of, sources_sha256
from seq2seq.bench_runs.comparison import Comparison
from seq2seq.bench_runs.ledger import now
from seq2seq.bench_runs.planning import TRAIN_COMMAND, imported_names
from seq2seq.bench_runs.quality_table import save_table
from seq2seq.bench_runs.run_results import training_facts
from seq2seq.bench_runs.settings import Setting
from seq2seq.bounded import read_json
from seq2seq.config.interpolation import quoted
from seq2seq.errors import ConfigError, choices
from seq2seq.folder.directory import FAILED, FINISHED, RunDirectory
from seq2seq.jobs import Call, Job, last_line, run_jobs


def train_seeds(comparison: Comparison) -> list[str]:
    """Train what the ledger does not have yet, settings in turn, and evaluate it on validation.

    Returns:
        for each run that failed its reason.

    Raises:
        Stopped: this process was asked to stop; the runs have saved their work.
    """
    run_jobs(training_jobs(comparison), comparison.jobs)
    runs = comparison.ledger.runs.items()
    return [f"{key}: {run['reason']}" for key, run in runs if run.get("state") == FAILED]


def training_jobs(comparison: Comparison) -> Iterator[Job]:
    """A job for each run that is not finished; the settings alternate within a seed."""
    sides = comparison.sides
    for seed in range(1, comparison.settings.seeds + 1):
        for setting in sides:
            if comparison.ledger.run(setting.name, seed).get("state") != FINISHED:
                yield training(comparison, setting, seed)


def training(comparison: Comparison, setting: Setting, seed: int) -> Job:
    """Train a seed, or go on where it was interrupted, and score it on the validation split."""
    ledger, entry = comparison.ledger, comparison.ledger.run(setting.name, seed)
    folder = ledger.run_folder(setting.name, seed)
    directory, log = RunDirectory(folder), folder.with_suffix(".log")
    note_code(entry, setting)
    entry.setdefault("started", now())
    entry["machine"] = machine_text()
    ledger.save()
    title = f"{setting.name} seed {seed}"
    if directory.status().get("state") != "finished":
        announce(f"{title}: training for {comparison.entry(setting)['steps']:,} steps")
        arguments = training_arguments(comparison, setting, seed, directory)
        code = yield comparison.call(setting, arguments, log)
        if code:
            fail(comparison, entry, title, last_line(log))
            return
    output = folder.with_name(f"{folder.name}.validation.json")
    code = yield from scoring(comparison, setting, folder, "validation", output)
    if code:
        fail(comparison, entry, title, last_line(log))
        return
    entry["training"] = training_facts(folder)
    entry["validation"] = read_json(output)
    entry |= {"state": FINISHED, "ended": now(), "runs_at_once": comparison.jobs}
    entry.pop("reason", None)
    ledger.save()
    names = [side.name for side in comparison.sides]
    save_table(ledger, names, comparison.settings.deviations)
    scores = entry["validation"]
    announce(f"{title}: validation loss {scores['loss']:.4f}, BLEU {scores['bleu']:.2f}")


def training_arguments(
    comparison: Comparison, setting: Setting, seed: int, directory: RunDirectory
) -> list[str]:
    """Those that begin a run, or continue one that has begun to train."""
    if directory.config.exists() and directory.has_begun():
        return [*TRAIN_COMMAND, f"resume={directory.path}"]
    planned = comparison.entry(setting)["planned"]
    return [
        *TRAIN_COMMAND,
        *planned,
        *comparison.thread_options(setting),
        f"seed={seed}",
        "trainer.evaluate=false",
        f"hydra.run.dir={quoted(str(directory.path))}",
    ]


def scoring(
    comparison: Comparison, setting: Setting, folder: Path, split: str, output: Path
) -> Generator[Call, int, int]:
    """Score a run's bundle on a split, by the sources of this version; returns the exit code."""
    held_out = ["-m", "seq2seq.bench_runs.held_out", str(folder), split, str(output)]
    names = imported_names(setting, comparison.settings.base)
    return (yield comparison.own_call([*held_out, *names], folder.with_suffix(".log")))


def fail(comparison: Comparison, entry: dict[str, Any], title: str, reason: str) -> None:
    """Note that a run failed; it is tried again when the command is repeated."""
    entry |= {"state": FAILED, "reason": reason}
    comparison.ledger.save()
    announce(f"{title}: failed: {reason}")


def note_code(entry: dict[str, Any], setting: Setting) -> None:
    """Add to a run's entry which code works on it from here on."""
    package = sources_of(setting.checkout)
    code = {"sha256": sources_sha256(package), "commit": commit_of(package)}
    codes = entry.setdefault("code", [])
    if code not in codes:
        codes.append(code)


def ensure_settings(comparison: Comparison, names: Sequence[str]) -> None:
    """Raise ConfigError if a name is that of no setting."""
    legal = [setting.name for setting in comparison.sides]
    if unknown := [name for name in names if name not in legal]:
        raise ConfigError(
            f"--test: there is no setting {unknown[0]!r}; {choices(unknown[0], legal)}"
        )


def read_test(comparison: Comparison, names: Sequence[str]) -> list[str]:
    """Score finished runs of some settings on the test split, each only once.

    Returns:
        for each run that could not be scored its reason.
    """
    failures: list[str] = []
    jobs = (
        testing(comparison, setting, run, failures)
        for setting in comparison.sides
        if setting.name in names
        for run in comparison.ledger.finished(setting.name)
        if "test" not in run
    )
    run_jobs(jobs, comparison.jobs)
    return failures


def testing(
    comparison: Comparison, setting: Setting, entry: dict[str, Any], failures: list[str]
) -> Job:
    """Score a finished run on the test split, and write it into the ledger."""
    folder = comparison.ledger.run_folder(setting.name, entry["seed"])
    output = folder.with_name(f"{folder.name}.test.json")
    code = yield from scoring(comparison, setting, folder, "test", output)
    if code:
        failures.append(
            f"{setting.name} seed {entry['seed']}, test: {last_line(folder.with_suffix('.log'))}"
        )
        return
    entry["test"] = read_json(output) | {"read": now()}
    comparison.ledger.save()
