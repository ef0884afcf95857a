"""Starting and resuming runs: problems are reported before anything heavy is loaded."""

import hashlib
import pickle
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from seq2seq import __version__
from seq2seq.aligning.check import supervising_run_problems
from seq2seq.aligning.extra_text import extra_text_problems
from seq2seq.config.alignment_rules import with_plain_reading
from seq2seq.config.plain import as_plain, to_yaml
from seq2seq.config.schema import RunConfig
from seq2seq.config.validate import run_problems
from seq2seq.data.sources.base import file_problems, with_model_facts
from seq2seq.errors import ConfigError, message_of
from seq2seq.folder.directory import RunDirectory
from seq2seq.folder.record import RunRecord
from seq2seq.imports import import_modules
from seq2seq.paths import absolute, with_paths
from seq2seq.processes import command_name, is_first_process, is_rank
from seq2seq.run.binding import Binding
from seq2seq.run.init_from import init_from_problems, keep_initial, with_initial
from seq2seq.run.ranks import run_ranks
from seq2seq.stopping import continue_with, deferred, stop_behind
from seq2seq.training.hardware import hardware_problems, num_processes

RESUME = "resume="


def start_run(config: RunConfig, folder: Path, overrides: list[str]) -> None:
    """Check a configuration, create the run's folder and train.

    Args:
        overrides: arguments of the command line, kept in the folder.

    Raises:
        UserError: a problem the user can fix.
    """
    ensure_startable(config)
    config = as_saved(config)
    directory = RunDirectory(folder.absolute())
    if is_first_process():
        directory.ensure_free()
        directory.acquire()
        directory.ensure_unused()
        keep_initial(config, directory.path)
    begun = as_recorded(config, directory.path)
    record = new_record(begun)
    if is_first_process():
        directory.create(record, to_yaml(begun), overrides)
    train(Binding(directory, record, begun), resume=False)


def ensure_startable(config: RunConfig) -> None:
    """Raise ConfigError with all that keeps a run from being started."""
    check_run(
        config,
        [
            *init_from_problems(config),
            *supervising_run_problems(config),
            *extra_text_problems(config),
        ],
    )


def as_saved(config: RunConfig) -> RunConfig:
    """A configuration with what a run makes of it whatever its folder is."""
    return with_paths(with_plain_reading(config), absolute)


def as_recorded(config: RunConfig, folder: Path) -> RunConfig:
    """The configuration, as saved, that a run in a folder writes down.

    Args:
        folder: holds the copy of the run that `init_from` names, if it does.
    """
    begun = replace(with_initial(config, folder), init_from=config.init_from)
    return replace(begun, data=with_model_facts(begun.data))


def new_record(config: RunConfig) -> RunRecord:
    """The record of a run that has not begun to train."""
    sha256 = hashlib.sha256(to_yaml(config).encode()).hexdigest()
    return RunRecord(__version__, sha256, as_plain(config))


def check_run(
    config: RunConfig, further_problems: Sequence[str] = (), *, unread: bool = True
) -> None:
    """Raise ConfigError with all problems of a configuration and of the files that it names.

    Args:
        further_problems: are reported as well.
        unread: also report options that are set but not read.
    """
    problems = [*run_problems(config, unread=unread)]
    if not any(problem.startswith("trainer.") for problem in problems):
        problems += hardware_problems(config.trainer)
    problems += file_problems(config.data)
    problems += further_problems
    if problems:
        raise ConfigError(problems)


def train(binding: Binding, *, resume: bool) -> None:
    """Train in this process, or in one for each device; the status records how training ended.

    Raises:
        Stopped: a signal stopped it, and it can be resumed.
        UserError: a problem the user can fix.
    """
    directory = binding.directory
    is_first = is_first_process()
    continue_with(f"{command_name('train')} {RESUME}{directory.path}")
    try:
        if is_first:
            directory.enter_phase("start-up")
        count = num_processes(binding.here.trainer)
        if count > 1 and not is_rank():
            run_ranks(count, train_rank, shipped(binding, resume=resume))
        else:
            train_here(binding, resume=resume)
    except BaseException as error:
        if is_first:
            # a full disk: the error that led here is the one to tell
            with deferred(), suppress(OSError):
                directory.set_status(*ending(error))
        raise
    finally:
        directory.release()


def train_here(binding: Binding, *, resume: bool) -> None:
    """Import torch, and train in this process."""
    from seq2seq.run.fit import fit

    if is_first_process():
        binding.directory.enter_phase("preparing")
    fit(binding, resume=resume)


def ending(error: BaseException) -> tuple[str, dict[str, Any]]:
    """The state of a run that an error ended, and the facts beside it."""
    stopped = stop_behind(error)
    if stopped is not None:
        return "stopped", {"signal": stopped.number}
    return "failed", {"message": message_of(error)}


def shipped(binding: Binding, *, resume: bool) -> bytes:
    """What `train_rank` needs: the modules of the user come first, which register its classes."""
    return pickle.dumps((binding.here.imports, pickle.dumps((binding, resume))))


def train_rank(shipment: bytes) -> None:
    """Train in one of several processes; the shipment is of the process that started this one."""
    imports, content = pickle.loads(shipment)
    import_modules(imports)
    binding, resume = pickle.loads(content)
    train(binding, resume=resume)
