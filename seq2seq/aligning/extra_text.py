"""Text that the statistical aligner reads beside the training text. Imports no torch."""

from collections.abc import Sequence
from pathlib import Path

from seq2seq.config.schema import RunConfig
from seq2seq.data.text_files import ensure_file, read_strict_lines
from seq2seq.errors import DataError
from seq2seq.training.supervision_config import AlignmentSupervisionConfig, SupervisionKind


def extra_text(config: AlignmentSupervisionConfig) -> tuple[Sequence[str], Sequence[str]]:
    """Both sides of it; without lines if none is configured.

    Raises:
        DataError: a file cannot be read, or they have different numbers of lines.
    """
    if config.extra_source is None or config.extra_target is None:
        return (), ()
    source = further_lines("extra_source", config.extra_source)
    target = further_lines("extra_target", config.extra_target)
    if len(source) != len(target):
        raise DataError(
            f"alignment_supervision.extra_target: must have as many lines as {config.extra_source},"
            f" {len(source):,}, but {config.extra_target} has {len(target):,}; line n of both must "
            "be translations"
        )
    return source, target


def further_lines(option: str, path: str) -> list[str]:
    """The lines of a file that an option names. Raises DataError."""
    try:
        ensure_file(Path(path))
        return read_strict_lines(Path(path))
    except DataError as error:
        raise DataError(f"alignment_supervision.{option}: {error}") from error


def extra_text_problems(config: RunConfig) -> list[str]:
    """A problem if the files of `extra_text` cannot be used."""
    supervision = config.alignment_supervision
    if supervision.kind not in (SupervisionKind.statistical, SupervisionKind.auto):
        return []
    try:
        extra_text(supervision)
    except DataError as error:
        return [str(error)]
    return []
