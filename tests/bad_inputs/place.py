"""The folder in which a case happens: the user's files, which must stay as they are."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.bad_inputs.case import TEXT, TINY, Case
from tests.results.bundles import make_run, train_tokenizers

RECORDS = {"run.lock", "status.json", "train.log"}  # of what was tried with a run
Train = Callable[[list[str]], None]


def make_models(folder: Path, train: Train) -> None:
    """Runs that cases name: two of opposite directions, one of other tokenizers, one to resume.

    Args:
        train: runs `seq2seq` with arguments.
    """
    tokenizers = train_tokenizers(folder)
    make_run(folder / "one", tokenizers)
    make_run(folder / "two", tokenizers, seed=2, source_language="yy", target_language="xx")
    make_run(folder / "other", train_tokenizers(folder, seed=3), seed=3)
    out = folder / "out"
    places = TINY.replace("../out", str(out)).split()
    sizes = ["data=copy", "data.num_train=40", "data.num_validation=4", "data.num_test=4"]
    train(["train", *places, *sizes, "trainer.checkpoint_every=1", "trainer.evaluate=false"])
    (out / "run").rename(folder / "run")


def lay_out(case: Case, folder: Path, models: Path) -> None:
    """Write the files of a case; `folder` is new."""
    folder.mkdir()
    for name in ("s", "t"):
        (folder / name).write_bytes(TEXT)
    for name, content in case.files.items():
        (folder / name).write_bytes(content)
    for name in case.models:
        shutil.copytree(models / name, folder / name)
    if case.prepare is not None:
        case.prepare(folder)


def digest(folder: Path) -> str:
    """A hash over everything in a folder: names, kinds, modes, targets of links and contents.

    What a run records of an attempt to go on with it is left out.
    """
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.name in RECORDS:
            continue
        status = path.lstat()
        content = b""
        if path.is_symlink():
            content = os.fsencode(path.readlink())
        elif path.is_file():
            content = path.read_bytes()
        total.update(repr((str(path.relative_to(folder)), status.st_mode, content)).encode())
    return total.hexdigest()
