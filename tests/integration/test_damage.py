"""No damaged file of a checkpoint, a bundle, a tokenizer or a prepared corpus is used silently."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from seq2seq.bundle.files import load_bundle
from seq2seq.data.corpus_files import damage
from seq2seq.errors import CheckpointError
from seq2seq.training.checkpoint import CheckpointStore
from tests.run.bundles import make_run, train_tokenizers
from tests.training.tiny import tiny_corpus, tiny_model

TRUNCATIONS, FLIPS = 20, 100  # of each file, spread evenly; and at random
Notices = Callable[[Path], bool]  # whether a damaged file is told of by its name


def checkpoint_notices(path: Path) -> bool:
    """The index is written anew; a checkpoint is skipped for the one before it."""
    newest, problems = CheckpointStore(path.parent).newest()
    return any(path.name in problem for problem in problems) and newest not in (None, path)


def bundle_notices(path: Path) -> bool:
    bundle = next(parent for parent in path.parents if parent.name == "model")
    try:
        load_bundle(bundle)
    except CheckpointError as error:
        return path.name in str(error)
    return False


def corpus_notices(path: Path) -> bool:
    folder = next(parent for parent in path.parents if parent.parent.name == "prepared")
    return path.name in (damage(folder) or "")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, Notices]]:
    """Everything that training and its bundle are read from."""
    folder = tmp_path_factory.mktemp("damage")
    store, without_index = (CheckpointStore(folder / name) for name in ("indexed", "not indexed"))
    for step in (1, 2):
        state = {f"model.{name}": tensor for name, tensor in tiny_model().state_dict().items()}
        callbacks = {"TrainingCallback": {"saved_steps": [1, 2][:step], "best_step": 1}}
        for one in (store, without_index):
            one.save({"state_dict": state, "callbacks": callbacks}, one.path(step))
    (without_index.folder / "last.json").unlink()
    bundle = make_run(folder / "run", train_tokenizers(folder)) / "model"
    tiny_corpus(folder / "cache")
    corpora = sorted((folder / "cache" / "prepared").glob("*/**/*"))
    return [
        (store.path(2), checkpoint_notices),
        (without_index.path(2), checkpoint_notices),
        (store.folder / "last.json", checkpoint_notices),
        *((path, bundle_notices) for path in sorted(bundle.rglob("*")) if path.is_file()),
        *((path, corpus_notices) for path in corpora if path.is_file()),
    ]


def damaged(content: bytes, draw: random.Random) -> Iterator[bytes]:
    for number in range(TRUNCATIONS):
        yield content[: len(content) * number // TRUNCATIONS]
    for _ in range(FLIPS):
        place, bit = draw.randrange(len(content)), draw.randrange(8)
        yield content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :]


def test_every_truncation_and_every_flipped_bit_is_told_of(
    files: list[tuple[Path, Notices]],
) -> None:
    torch.manual_seed(1)
    draw, silent, count = random.Random(1), [], 0
    for path, notices in files:
        content = path.read_bytes()
        for wrong in damaged(content, draw):
            path.write_bytes(wrong)
            count += 1
            if not notices(path):
                silent.append((path.name, len(wrong), len(content)))
        path.write_bytes(content)
    assert silent == []
    assert count >= 10 * (TRUNCATIONS + FLIPS)
