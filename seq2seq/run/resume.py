"""Going on with a run: `resume=DIR`. It keeps what it was begun with, see `run.contract`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seq2seq.config.folders import forbid_environment
from seq2seq.config.overrides import (
    IMPORTS,
    imports_of,
    present_path,
    with_present_keys,
    with_present_paths,
)
from seq2seq.config.plain import as_plain, with_values
from seq2seq.config.saved import from_mapping, load_run_config, saved_imports, with_overrides
from seq2seq.config.schema import RunConfig
from seq2seq.data.storage import sha256_of
from seq2seq.errors import CheckpointError, ConfigError, UserError
from seq2seq.imports import absolute_names, import_modules, imported_sha256
from seq2seq.paths import absolute, expanded, path_options, with_paths
from seq2seq.processes import is_first_process
from seq2seq.run.binding import Binding
from seq2seq.run.contract import (
    ALLOW,
    MAY_CHANGE,
    allowed_categories,
    category_of,
    content_differences,
    ensure_allowed,
    option_differences,
)
from seq2seq.run.directory import INITIAL, RunDirectory
from seq2seq.run.init_from import initial_sha256, keep_initial
from seq2seq.run.record import RunRecord, read_record
from seq2seq.run.start import RESUME, check_run, train

PROLONGING = ("trainer.max_steps", "trainer.max_epochs", "trainer.patience")


@dataclass(frozen=True)
class Resumption:
    """What the command line asks of a resumed run.

    Attributes:
        overrides: `path=value`, of options that may change.
        allowed: categories of differences in spite of which it goes on.
    """

    overrides: list[str]
    allowed: frozenset[str]

    @property
    def named(self) -> frozenset[str]:
        """Paths of the options that are named."""
        return frozenset(override.partition("=")[0] for override in self.overrides)


def resume_command(arguments: list[str]) -> bool:
    """Continue the run that `resume=DIR` names; returns False if the arguments name none."""
    arguments = with_present_paths(arguments)
    folders = [x.removeprefix(RESUME) for x in arguments if x.startswith(RESUME)]
    if not folders:
        if any(argument.startswith(f"{ALLOW}=") for argument in arguments):
            raise ConfigError(f"{ALLOW}: is read only together with {RESUME}DIR; leave it out")
        return False
    forbid_environment()
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
    finished = directory.status().get("state") == "finished"
    if is_first_process() and not finished:
        directory.acquire()
    binding = bound_run(directory, request)
    if finished and not binding.changed(PROLONGING) and not request.allowed:
        step = directory.status().get("step", 0)
        print(
            f"{folder} is finished, at step {step}; train further by raising trainer.max_steps, "
            "trainer.max_epochs or trainer.patience, whichever ended it"
        )
        return
    if is_first_process() and finished:
        directory.acquire()
    check_here(binding)
    train(binding, resume=True)


def _asked(arguments: list[str]) -> tuple[list[str], frozenset[str]]:
    overrides, allowed = allowed_categories(arguments)
    return overrides, frozenset(allowed)


def bound_run(directory: RunDirectory, request: Resumption) -> Binding:
    """A run with what the command line changes.

    Raises:
        UserError: its files are damaged, or differ from what it was begun with.
    """
    record = read_record(directory.path)
    sha256 = sha256_of(directory.config) if directory.config.is_file() else ""
    edited = record is not None and sha256 != record.config_sha256
    modules = imports_of(request.overrides)
    if modules is None:
        modules = saved_imports(directory.config)
        if record is not None and not edited:
            modules = record.settings.get(IMPORTS, modules)
    modules = absolute_names(modules)
    ensure_imports(record, modules, request)
    import_modules(modules)
    saved = load_run_config(directory.config)
    if record is None:
        record = RunRecord("", sha256, as_plain(saved))
    begun = config_of(record)
    if edited:
        record = with_edits(record, saved, sha256, request)
    config = replace(apply_overrides(config_of(record), request), imports=modules)
    config = with_paths(config, absolute)
    keep_base_weights(directory, config, request)
    changes = option_differences(begun, config)
    settings = {change.what: as_plain(change.after) for change in changes}
    return Binding(
        directory,
        replace(record, settings={**record.settings, **settings}),
        config,
        changes=tuple(changes),
        free=request.named | {change.what for change in changes} | free_options(request.allowed),
        allowed=request.allowed,
    )


def config_of(record: RunRecord) -> RunConfig:
    """The configuration that a record describes."""
    settings = {present_path(path): value for path, value in record.settings.items()}
    return from_mapping(RunConfig, with_values(with_present_keys(record.options), settings))


def with_edits(record: RunRecord, saved: RunConfig, sha256: str, request: Resumption) -> RunRecord:
    """The record of a run whose `config.yaml` was edited by hand, with the edits.

    Args:
        saved: the options in the file.

    Raises:
        ConfigError: other options than places of files were edited, and that is not allowed.
    """
    edits = option_differences(config_of(replace(record, settings={})), saved)
    places = {*path_options(saved)}
    ensure_allowed([edit for edit in edits if edit.what not in places], request.allowed)
    names = {edit.what for edit in edits}
    settings = {name: value for name, value in record.settings.items() if name not in names}
    return replace(record, config_sha256=sha256, options=as_plain(saved), settings=settings)


def free_options(allowed: Iterable[str]) -> set[str]:
    """Options that this machine chooses for when a category of differences is allowed."""
    options = {"precision": {"trainer.precision"}, "processes": {"trainer.devices"}}
    return set().union(*(options.get(category, set()) for category in allowed))


def ensure_imports(record: RunRecord | None, modules: Sequence[str], request: Resumption) -> None:
    """Raise ConfigError, before a module is imported, if its content is not that of the run."""
    if record is None or record.bound is None:
        return
    hashes = {f"module {number}": x for number, x in enumerate(imported_sha256(modules), 1)}
    before = {IMPORTS: record.bound.get(IMPORTS, {})}
    ensure_allowed(content_differences(before, {IMPORTS: hashes}), request.allowed)


def apply_overrides(config: RunConfig, request: Resumption) -> RunConfig:
    """The configuration of a run with overrides of options that may change.

    Raises:
        ConfigError: an override of another option.
    """
    may_change = {*MAY_CHANGE, *path_options(config)}
    for override in request.overrides:
        option, equals, _ = override.partition("=")
        if not equals or not (option in may_change or category_of(option) in request.allowed):
            raise ConfigError(
                f"{override}: a resumed run keeps its configuration, so that it ends as if it had "
                f"never stopped; only {', '.join(MAY_CHANGE)} and the places of files may change"
            )
    return with_overrides(config, request.overrides)


def keep_base_weights(directory: RunDirectory, config: RunConfig, request: Resumption) -> None:
    """Take base weights from the place that `init_from=` names, if they are those of the run."""
    if "init_from" not in request.named or not is_first_process():
        return
    if not (after := initial_sha256(config.init_from)):
        raise CheckpointError(f"init_from: {config.init_from} is no finished run and no bundle")
    kept = directory.path / INITIAL
    before = initial_sha256(str(kept)) if kept.is_dir() else after
    name = "base_weights"
    if ensure_allowed(content_differences({name: before}, {name: after}), request.allowed) or (
        not kept.is_dir()
    ):
        keep_initial(config, directory.path)


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
