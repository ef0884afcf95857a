"""Going on with a run: `resume=DIR`. It keeps what it was begun with, see `run.contract`."""

import sys
from pathlib import Path

from seq2seq.config.overrides import with_present_paths
from seq2seq.config.schema import RunConfig
from seq2seq.errors import ConfigError, UserError
from seq2seq.folder.directory import RunDirectory
from seq2seq.folder.owner import owner_of
from seq2seq.paths import expanded, path_options
from seq2seq.processes import is_first_process
from seq2seq.run.binding import Binding
from seq2seq.run.contract import ALLOW, allowed_categories, category_of
from seq2seq.run.resumption import Resumption, bound_run
from seq2seq.run.start import RESUME, check_run, train

PROLONGING = ("trainer.max_steps", "trainer.max_epochs", "trainer.patience")


def resume_command(arguments: list[str]) -> bool:
    """Continue the run that `resume=DIR` names; returns False if the arguments name none."""
    arguments = with_present_paths(arguments)
    folders = [x.removeprefix(RESUME) for x in arguments if x.startswith(RESUME)]
    if not folders:
        if any(argument.startswith(f"{ALLOW}=") for argument in arguments):
            raise ConfigError(f"{ALLOW}: is read only together with {RESUME}DIR; leave it out")
        return False
    resume_run(Path(expanded(folders[-1])), [x for x in arguments if not x.startswith(RESUME)])
    return True


def resume_run(folder: Path, arguments: list[str]) -> None:
    """Continue a run in its folder, with its configuration.

    Args:
        arguments: overrides of options that may change, and `allow_changes=[...]`.

    Raises:
        UserError: there is no such run, or it would go on as another than it was begun.
    """
    if not folder.is_dir():
        raise UserError(f"resume={folder}: there is no such folder; give the folder of a run")
    directory = RunDirectory(folder.absolute())
    request = Resumption(*_asked(arguments))
    status = directory.status()
    finished = status.get("state") == "finished"
    if is_first_process() and not finished:
        directory.acquire()
    binding = bound_run(directory, request)
    if finished and not binding.changed(PROLONGING) and not request.allowed:
        print(
            f"{folder} is finished, at step {status.get('step', 0)}; train further by raising "
            "trainer.max_steps, trainer.max_epochs or trainer.patience, whichever ended it"
        )
        return
    if is_first_process() and finished:
        directory.acquire()
    check_here(binding)
    if status.get("state") == "killed":
        print(
            f"note: {owner_of(status)} was killed in the phase {status.get('phase')}",
            file=sys.stderr,
        )
    train(binding, resume=True)


def _asked(arguments: list[str]) -> tuple[list[str], frozenset[str]]:
    overrides, allowed = allowed_categories(arguments)
    return overrides, frozenset(allowed)


def check_here(binding: Binding) -> None:
    """Raise ConfigError if this machine cannot go on with a run.

    The message names what may be changed for it: places of files, and hardware.
    """
    try:
        check_run(binding.here, shorter_problems(binding), unread=False)
    except ConfigError as error:
        raise ConfigError(
            [with_remedy(problem, binding.here) for problem in error.problems]
        ) from None


def with_remedy(problem: str, config: RunConfig) -> str:
    """A problem of a resumed run with what its user may change."""
    option = problem.partition(":")[0]
    if option in path_options(config):
        return f"{problem}; if it has moved, add its new place, {option}=PATH"
    category = category_of(option)
    if category in ("precision", "processes"):
        return f"{problem}, by adding {option}=VALUE {ALLOW}=[{category}]"
    return problem


def shorter_problems(binding: Binding) -> list[str]:
    """A problem if the run would end before the last step that was done."""
    done = binding.directory.steps_saved()
    max_steps = binding.config.trainer.max_steps
    if max_steps >= done:
        return []
    return [
        f"trainer.max_steps: must be at least {done}, the steps that are done, not {max_steps}; "
        "raise it, or leave it out"
    ]
