"""The path of a run's bundle and its configuration, without loading a model."""

from pathlib import Path

from seq2seq.config.saved import load_run_config
from seq2seq.config.schema import RunConfig
from seq2seq.errors import CheckpointError
from seq2seq.processes import command_name

BUNDLE_MANIFEST = "manifest.json"  # of a bundle, written last


def find_bundle(folder: Path) -> Path:
    """The bundle of a run's folder, or the folder itself if it is one.

    Raises:
        CheckpointError: neither.
    """
    if not folder.is_dir():
        raise CheckpointError(f"there is no folder {folder}; give a run's folder or a bundle")
    for path in (folder / "model", folder):
        if (path / BUNDLE_MANIFEST).is_file():
            return path
    if (folder / "config.yaml").is_file():
        raise CheckpointError(
            f"{folder} is a run without a finished model; finish it by "
            f"{command_name('train')} resume={folder}"
        )
    raise CheckpointError(
        f"{folder} is neither a run's folder nor a bundle: it has no {BUNDLE_MANIFEST}; name "
        "the folder of a finished run"
    )


def saved_config(folder: Path) -> RunConfig:
    """The configuration of a finished run or of a bundle, read without loading its model.

    Raises:
        CheckpointError: there is none.
    """
    return load_run_config(find_bundle(folder) / "config.yaml")
