"""How far a cell is, and whether what lies in its folder is what its grid asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seq2seq import __version__
from seq2seq.config.schema import RunConfig
from seq2seq.errors import UserError, first_line
from seq2seq.folder.directory import FINISHED, RunDirectory
from seq2seq.folder.record import read_record
from seq2seq.paths import path_options
from seq2seq.run.contract import MAY_CHANGE, content_differences, option_differences
from seq2seq.run.resumption import config_of
from seq2seq.run.start import as_recorded, as_saved

NEW, BEGUN, STALE = "new", "begun", "stale"  # beside FINISHED
CHANGES_RESULTS = frozenset(
    ("trainer.max_steps", "trainer.max_epochs", "trainer.accelerator", "trainer.num_threads")
    + ("trainer.patience", "trainer.evaluate")
)  # options that may change when a run is resumed, but not unnoticed between a grid and its cells
INDIFFERENT = frozenset(MAY_CHANGE) - CHANGES_RESULTS
THREADS_OPTION = "trainer.num_threads"
Contents = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Standing:
    """How far a cell is.

    Attributes:
        state: `new`, nothing was trained; `begun`, it can be continued; `finished`; `stale`, it is
            another run than the grid asks for.
        reasons: of a stale cell.
        finished: whether a stale cell is finished.
    """

    state: str
    reasons: tuple[str, ...] = ()
    finished: bool = False


def standing_of(folder: Path, config: RunConfig, contents: Contents | None) -> Standing:
    """How far the cell of a configuration is in its folder.

    Args:
        contents: hashes of what it would be trained on, as `run.binding.bound_contents` gives them;
            None if they are not to be compared.
    """
    directory = RunDirectory(folder)
    if not directory.config.is_file() or not directory.has_begun():
        return Standing(NEW)
    finished = directory.status().get("state") == FINISHED
    reasons = tuple(stale_reasons(folder, config, contents))
    if reasons:
        return Standing(STALE, reasons, finished)
    return Standing(FINISHED if finished else BEGUN)


def stale_reasons(folder: Path, config: RunConfig, contents: Contents | None) -> list[str]:
    """Why a run is not that of a configuration: options, contents, or the version that began it."""
    try:
        record = read_record(folder)
        if record is None:
            return ["it was begun by version 0.1.0, which did not record what it was trained on"]
        before = config_of(record)
    except UserError as error:
        return [first_line(error)]
    reasons = []
    if record.version != __version__:
        reasons.append(f"version of seq2seq: was {record.version}, not {__version__}")
    reasons += option_reasons(before, as_recorded(as_saved(config), folder))
    if contents is not None and record.bound is not None:
        reasons += map(str, content_differences(record.bound, contents))
    return reasons


def option_reasons(before: RunConfig, after: RunConfig) -> list[str]:
    """Options of a run that are not what a grid asks for.

    The number of threads is compared only where the grid chooses it, paths never: what they lead to
    is compared.
    """
    ignored = {*INDIFFERENT, *path_options(after), *path_options(before)}
    if not after.trainer.num_threads:
        ignored.add(THREADS_OPTION)
    changes = option_differences(before, after)
    return [str(change) for change in changes if change.what not in ignored]
