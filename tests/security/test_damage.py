"""Damage is noticed: no truncated file and no flipped bit is read without a word."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from seq2seq.bundle.files import load_bundle
from seq2seq.data.config import TokenizerConfig
from seq2seq.data.corpora import FilesConfig, SplitFiles
from seq2seq.data.corpus_files import damage
from seq2seq.data.prepare import prepare
from seq2seq.errors import UserError
from seq2seq.training.checkpoint import CheckpointStore
from seq2seq.training.checkpoint_file import write_checkpoint
from tests.results.bundles import make_run, sentences, train_tokenizers

FLIPS, TRUNCATIONS = 250, 5  # of each kind; over the four kinds 1,000 and 20
Notices = Callable[[], bool]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damage")


@pytest.fixture(scope="module")
def kinds(folder: Path) -> dict[str, tuple[list[Path], Notices]]:
    """By kind, the files that are damaged, and whether reading them notices it."""
    bundle = make_run(folder / "run", train_tokenizers(folder)) / "model"
    tokenizers = sorted((bundle / "tokenizer").iterdir())
    rest = sorted(x for x in bundle.rglob("*") if x.is_file() and x not in tokenizers)
    prepared = prepared_corpus(folder)
    store = CheckpointStore(folder / "checkpoints")
    write_checkpoint(store.path(7), {"state_dict": {"model.a": torch.arange(64.0)}})
    return {
        "checkpoint": ([store.path(7)], refused(lambda: store.load(store.path(7)))),
        "bundle": (rest, refused(lambda: load_bundle(bundle))),
        "tokenizer": (tokenizers, refused(lambda: load_bundle(bundle))),
        "cache": (
            sorted(path for path in prepared.rglob("*") if path.is_file()),
            lambda: damage(prepared) is not None,
        ),
    }


def prepared_corpus(folder: Path) -> Path:
    """The folder of a prepared corpus of a few lines."""
    splits = {}
    for seed, name in enumerate(("train", "validation", "test")):
        paths = [folder / f"{name}.{side}" for side in ("source", "target")]
        for offset, path in enumerate(paths):
            lines = sentences(20, seed=2 * seed + offset)
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        splits[name] = SplitFiles(*map(str, paths))
    config = FilesConfig(
        source_language="xx",
        target_language="yy",
        cache_dir=str(folder / "cache"),
        tokenizer=TokenizerConfig(vocab_size=60),
        **splits,
    )
    prepare(config)
    (prepared,) = (path for path in (folder / "cache" / "prepared").iterdir() if path.is_dir())
    return prepared


def refused(read: Callable[[], object]) -> Notices:
    """Whether reading is refused with a message."""

    def notices() -> bool:
        try:
            read()
        except UserError:
            return True
        return False

    return notices


@contextmanager
def content(path: Path, damaged: bytes) -> Iterator[None]:
    """A file with other content for a while."""
    whole = path.read_bytes()
    path.write_bytes(damaged)
    try:
        yield
    finally:
        path.write_bytes(whole)


def with_flipped_bit(data: bytes, draw: random.Random) -> bytes:
    damaged = bytearray(data)
    damaged[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(damaged)


@pytest.mark.parametrize("kind", ["checkpoint", "bundle", "tokenizer", "cache"])
def test_no_damage_is_read_silently(
    kind: str, kinds: dict[str, tuple[list[Path], Notices]]
) -> None:
    paths, notices = kinds[kind]
    assert not notices(), "the files are whole"
    draw = random.Random(kind)
    for number in range(FLIPS + TRUNCATIONS):
        path = paths[number % len(paths)]
        data = path.read_bytes()
        shorter = data[: draw.randrange(len(data))]
        with content(path, with_flipped_bit(data, draw) if number < FLIPS else shorter):
            assert notices(), f"{path}: change {number}"
    assert not notices(), "the files are whole again"
