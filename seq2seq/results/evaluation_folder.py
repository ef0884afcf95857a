"""The folder that an evaluation is written to: where it is, and that it may be replaced.

It is checked before anything is translated.
"""

from pathlib import Path

from seq2seq.errors import UserError
from seq2seq.files import ensure_room, temporary_path

SCORES = "scores.json"  # what an evaluation is recognised by
REPORT = "report.html"
REMEDY = "choose another folder with output=DIR"
FILES = (
    *("sources.txt", "references.txt", "hypotheses.txt", SCORES),
    *("references.tok", "hypotheses.tok", "alignments.pharaoh", "attention.npz"),
    *("alignments.jsonl", "heatmaps", REPORT),
)
STORED_SOURCES = "sources."  # what the names of stored sources begin with
UNFINISHED = "."  # what the names of files that are being written begin with


def evaluation_folder(run: Path, split: str, output: str | Path | None = None) -> Path:
    """`<run>/evaluation/<split>`, or `<output>/<split>`; links are followed.

    Args:
        output: takes the place of the folder `evaluation` of the run.
    """
    return ((run / "evaluation" if output is None else Path(output)) / split).resolve()


def ensure_replaceable(folder: Path, *, room: int) -> None:
    """Refuse a folder that an evaluation cannot be written to, or that is not an evaluation.

    Args:
        folder: without links.
        room: bytes that the evaluation takes.

    Raises:
        UserError: as `ensure_evaluation` and `ensure_writable`, or a disk is mounted there.
    """
    ensure_evaluation(folder)
    if folder.is_mount():
        raise UserError(
            f"{folder} is where another disk is mounted, and cannot be replaced; name a folder on "
            f"that disk, or {REMEDY}"
        )
    ensure_writable(folder, room=room)


def ensure_writable(path: Path, *, room: int = 0) -> None:
    """Refuse a path that nothing can be renamed to. The folder that holds it is created.

    Args:
        room: bytes that it takes.

    Raises:
        UserError: its folder cannot be written to, or has no room.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        probe = temporary_path(path)
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{path} cannot be written ({reason}); {REMEDY}") from error
    ensure_room(path.parent, room)


def ensure_evaluation(folder: Path) -> None:
    """Refuse to replace what no evaluation wrote.

    Raises:
        UserError: it is no folder, or holds other files.
    """
    if not folder.exists():
        return
    names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    foreign = [name for name in names if not is_of_evaluation(name)]
    has_results = bool(set(names) - {REPORT})
    if foreign or not folder.is_dir() or (has_results and SCORES not in names):
        reason = f"holds {', '.join(foreign[:3])}" if foreign else "is no evaluation"
        raise UserError(
            f"{folder} {reason}, which no evaluation wrote, and would be replaced; move it, or "
            "choose another split= or output="
        )


def is_of_evaluation(name: str) -> bool:
    return name in FILES or name.startswith((STORED_SOURCES, UNFINISHED))
