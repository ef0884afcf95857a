"""`run.json`: what a run was begun with, what it is bound to, and what was changed since."""

import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from seq2seq.bounded import MAX_JSON, read_bounded
from seq2seq.errors import CheckpointError
from seq2seq.files import atomic_write, sealed, unsealed
from seq2seq.folder.machine import Hardware

RUN_FILE = "run.json"


@dataclass(frozen=True)
class RunRecord:
    """Content of `run.json`.

    Attributes:
        version: of this package, which began the run; empty for one that wrote no such file.
        config_sha256: of `config.yaml` as the run wrote it.
        options: the same options as plain data, so that it can be said which of them were edited.
        settings: options that were changed when the run was resumed, by their paths; they hold
            instead of those of `config.yaml`.
        bound: hashes of what training reads, by category and name; None before training began.
        hardware: None before training began.
        environment: what may change the last bits: processor, versions, gold files.
        changes: what was changed, one entry each, with the step from which it holds.
    """

    version: str
    config_sha256: str
    options: dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)
    bound: dict[str, dict[str, str]] | None = None
    hardware: Hardware | None = None
    environment: dict[str, str] = field(default_factory=dict)
    changes: list[dict[str, Any]] = field(default_factory=list)

    def with_changes(self, step: int, changes: list[dict[str, Any]]) -> "RunRecord":
        """A record with further changes.

        Args:
            step: the optimizer step that they follow.
            changes: each with `what`, `from` and `to`.
        """
        now = time.strftime("%Y-%m-%dT%H:%M:%S")
        entries = [{"step": step, "time": now, **change} for change in changes]
        return replace(self, changes=[*self.changes, *entries])


def write_record(folder: Path, record: RunRecord) -> None:
    """Write `run.json` into a run's folder, with its own hash."""
    atomic_write(folder / RUN_FILE, sealed(asdict(record)))


def read_record(folder: Path) -> RunRecord | None:
    """The record in a run's folder; None if there is none, as in runs of version 0.1.0.

    Raises:
        CheckpointError: it is damaged.
    """
    path = folder / RUN_FILE
    if not path.exists():
        return None
    try:
        content = unsealed(read_bounded(path, MAX_JSON))
        hardware = content.pop("hardware")
        return RunRecord(hardware=Hardware(**hardware) if hardware else None, **content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{path} is damaged ({error}); bring it back from a copy, or delete it to go on as a "
            "run of version 0.1.0 does: without checks of what it was begun with"
        ) from error
