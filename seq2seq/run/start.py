"""Starting and resuming runs: problems are reported before anything heavy is loaded."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from seq2seq.aligning.check import supervising_run_problems
from seq2seq.config.overrides import imports_of, with_present_paths
from seq2seq.config.plain import to_yaml
from seq2seq.config.saved import load_run_config, saved_imports, with_overrides
from seq2seq.config.schema import RunConfig
from seq2seq.config.validate import run_problems
from seq2seq.data.sources.base import file_problems
from seq2seq.errors import ConfigError, UserError, message_of
from seq2seq.imports import absolute_names, import_modules
from seq2seq.processes import command_name, is_first_process
from seq2seq.run.directory import RunDirectory
from seq2seq.run.init_from import init_from_problems, with_vocabulary
from seq2seq.stopping import Stopped, continue_with
from seq2seq.training.hardware import hardware_problems

RESUME = "resume="

MAY_CHANGE = (
    "trainer.max_steps",
    "trainer.max_epochs",
    "trainer.accelerator",
    "trainer.num_threads",
    "trainer.progress_every",
    "trainer.report_every",
    "trainer.patience",
    "trainer.evaluate",
    "data.cache_dir",
    "data.root",
    "imports",
)


def start_run(config: RunConfig, folder: Path, overrides: list[str]) -> None:
    """Check a configuration, create the run's folder and train.

    Args:
        overrides: arguments of the command line, kept in the folder.

    Raises:
        UserError: a problem the user can fix.
    """
    check_run(config, [*init_from_problems(config), *supervising_run_problems(config)])
    config = replace(with_vocabulary(config), imports=absolute_names(config.imports))
    directory = RunDirectory(folder)
    if is_first_process():
        directory.acquire()
        directory.create(to_yaml(config), overrides)
    train(config, directory, resume=False)


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


def resume_command(arguments: list[str]) -> bool:
    """Continue the run that `resume=DIR` names; returns False if the arguments name none."""
    arguments = with_present_paths(arguments)
    folders = [x.removeprefix(RESUME) for x in arguments if x.startswith(RESUME)]
    if not folders:
        return False
    resume_run(Path(folders[-1]), [x for x in arguments if not x.startswith(RESUME)])
    return True


def resume_run(folder: Path, overrides: list[str]) -> None:
    """Continue a run in its folder, with its configuration.

    Raises:
        UserError: there is no such run, or an override would change its result.
    """
    directory = RunDirectory(folder)
    if not folder.is_dir():
        raise UserError(f"resume={folder}: there is no such folder; give the folder of a run")
    modules = imports_of(overrides)
    import_modules(saved_imports(directory.config) if modules is None else modules)
    config = apply_overrides(load_run_config(directory.config), overrides)
    check_run(config, unread=False)
    status = directory.status()
    step = status.get("step", 0)
    if status.get("state") == "finished" and (not overrides or step >= config.trainer.max_steps):
        print(f"{folder} is finished, at step {step}; train further by raising trainer.max_steps")
        return
    if is_first_process():
        directory.acquire()
    train(config, directory, resume=True)


def apply_overrides(config: RunConfig, overrides: list[str]) -> RunConfig:
    """The configuration of a run with overrides of options in MAY_CHANGE.

    Raises:
        ConfigError: an override of another option.
    """
    for override in overrides:
        option, equals, _ = override.partition("=")
        if not equals or option not in MAY_CHANGE:
            raise ConfigError(
                f"{override}: a resumed run keeps its configuration, so that it ends as if it had "
                f"never stopped; only {', '.join(MAY_CHANGE)} may change"
            )
    return with_overrides(config, overrides)


def train(config: RunConfig, directory: RunDirectory, *, resume: bool) -> None:
    """Import torch and train; the status of the folder records how training ended."""
    is_first = is_first_process()
    continue_with(f"{command_name('train')} {RESUME}{directory.path}")
    if is_first:
        directory.enter_phase("start-up")
    try:
        from seq2seq.run.fit import fit

        if is_first:
            directory.enter_phase("preparing")
        code = fit(config, directory, resume=resume)
    except Stopped as stopped:
        if is_first:
            with suppress(OSError):
                directory.set_status("stopped", {"signal": stopped.number})
        raise
    except BaseException as error:
        if is_first:
            with suppress(OSError):  # a full disk: the error that led here is the one to tell
                directory.set_status("failed", {"message": message_of(error)})
        raise
    if code:
        raise SystemExit(code)
