"""What a resumed run goes on with: its record, edits of its files, and the command line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from seq2seq.config.overrides import IMPORTS, imports_of, present_path
from seq2seq.config.plain import as_plain, with_values
from seq2seq.config.saved import (
    as_saved_now,
    from_mapping,
    load_run_config,
    saved_imports,
    with_overrides,
)
from seq2seq.config.schema import RunConfig
from seq2seq.data.storage import sha256_of
from seq2seq.errors import CheckpointError, ConfigError
from seq2seq.folder.directory import INITIAL, RunDirectory
from seq2seq.folder.record import RunRecord, read_record
from seq2seq.imports import absolute_names, import_modules, imported_sha256
from seq2seq.paths import absolute, path_options, with_paths
from seq2seq.processes import is_first_process
from seq2seq.run.binding import Binding
from seq2seq.run.contract import (
    MAY_CHANGE,
    category_of,
    content_differences,
    ensure_allowed,
    option_differences,
)
from seq2seq.run.init_from import initial_sha256, keep_initial


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
    return from_mapping(RunConfig, with_values(as_saved_now(record.options), settings))


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
        raise CheckpointError(
            f"init_from: {config.init_from} is no finished run and no bundle; name one"
        )
    kept = directory.path / INITIAL
    before = initial_sha256(str(kept)) if kept.is_dir() else after
    name = "base_weights"
    if ensure_allowed(content_differences({name: before}, {name: after}), request.allowed) or (
        not kept.is_dir()
    ):
        keep_initial(config, directory.path)
