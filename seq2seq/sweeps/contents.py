"""Prepares the corpora of a sweep once, and hashes what its cells would be trained on.

python -m seq2seq.sweeps.contents CONFIG.yaml ...

writes beside each configuration a file CONFIG.json: the hashes, or why there are none.
"""

import hashlib
import json
import logging
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from seq2seq import stopping
from seq2seq.bounded import read_json
from seq2seq.config.grid import Cell
from seq2seq.config.plain import as_plain, to_yaml
from seq2seq.config.saved import load_run_config, saved_imports
from seq2seq.config.schema import RunConfig
from seq2seq.errors import UserError, user_error
from seq2seq.files import atomic_write
from seq2seq.folder.logs import configure_logging
from seq2seq.imports import import_modules
from seq2seq.jobs import Call, Job, run_jobs
from seq2seq.run.start import as_saved
from seq2seq.sweeps.standing import Contents

ERROR = "error"
READS = ("data", "init_from", "imports")  # options that decide what is trained on

logger = logging.getLogger(__name__)


def reading_of(config: RunConfig) -> str:
    """A name for what a configuration is trained on: equal for cells that share it."""
    plain = as_plain(as_saved(config))
    facts = json.dumps({name: plain[name] for name in READS}, sort_keys=True, default=str)
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def prepared_contents(cells: Iterable[Cell]) -> dict[str, Contents | UserError]:
    """What cells would be trained on, by `reading_of`: prepared, and hashed, in another process.

    Returns:
        hashes as `run.binding.bound_contents` gives them, or why there are none.

    Raises:
        Stopped: this process was asked to stop.
    """
    configs = {reading_of(cell.config): cell.config for cell in cells}
    with tempfile.TemporaryDirectory(prefix="sweep-") as temporary:
        paths = {name: Path(temporary, f"{name}.yaml") for name in configs}
        for name, path in paths.items():
            path.write_text(to_yaml(as_saved(configs[name])), encoding="utf-8")
        run_jobs([preparing(list(paths.values()))], 1)
        return {name: read_result(path) for name, path in paths.items()}


def preparing(paths: Sequence[Path]) -> Job:
    """The call that prepares them all; what it prints goes to the streams of this process."""
    arguments = [sys.executable, "-m", "seq2seq.sweeps.contents", *map(str, paths)]
    yield Call(arguments, None)


def read_result(path: Path) -> Contents | UserError:
    try:
        result = read_json(path.with_suffix(".json"))
    except (OSError, ValueError):
        return UserError("its corpus could not be prepared; see the lines above")
    if ERROR in result:
        return UserError(str(result[ERROR]))
    contents: Contents = result
    return contents


def write_contents(path: Path) -> None:
    """Prepare the corpus of a saved configuration, and write the hashes beside it."""
    from seq2seq.data.prepare import prepare
    from seq2seq.run.binding import bound_contents
    from seq2seq.run.init_from import with_vocabulary

    try:
        import_modules(saved_imports(path))
        config = with_vocabulary(load_run_config(path))
        result: object = bound_contents(config, prepare(config.data))
    except Exception as error:
        explained = user_error(error)
        if explained is None:
            raise
        result = {ERROR: str(explained)}
    atomic_write(path.with_suffix(".json"), json.dumps(result).encode())


def main(arguments: Sequence[str]) -> None:
    configure_logging()
    for argument in arguments:
        write_contents(Path(argument))


if __name__ == "__main__":
    with stopping.handled(shown=False):
        main(sys.argv[1:])
