"""A cache that runs share: whole or absent, whatever ends them, and nobody else's files touched."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from seq2seq.data import cache
from seq2seq.data.cache import ensure_folder, folder_damage, save_manifest
from seq2seq.data.config import TokenizerConfig
from seq2seq.data.corpora import FilesConfig, SplitFiles
from seq2seq.data.corpus_files import damage, load_train
from seq2seq.data.kinds.text import TextSource
from seq2seq.data.prepare import fingerprint_of, prepare
from seq2seq.errors import DataError
from seq2seq.stopping import Stopped
from tests.data.columns import all_lists
from tests.words import WORDS

NAMES = ("manifest.json", "a", "b")


def build(folder: Path) -> None:
    (folder / "a").write_text("content")
    save_manifest(folder, {"of": "a"})


def make(folder: Path) -> None:
    ensure_folder(
        folder, build, damage=folder_damage, is_written=NAMES.__contains__, purpose="testing"
    )


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_folder_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "cache" / "x")
    assert names(tmp_path / "cache") == {"x", "x.lock"}
    written = (tmp_path / "cache" / "x").stat()
    make(tmp_path / "cache" / "x")
    assert (tmp_path / "cache" / "x").stat() == written


def test_a_whole_folder_is_used_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "cache" / "x")

    @contextmanager
    def locked(path: Path, purpose: str) -> Iterator[None]:
        raise PermissionError(13, "read-only", str(path))
        yield

    monkeypatch.setattr(cache, "locked", locked)
    make(tmp_path / "cache" / "x")
    (tmp_path / "cache" / "x" / "a").write_text("altered")
    with pytest.raises(PermissionError):
        make(tmp_path / "cache" / "x")


@pytest.mark.parametrize("name", ["notes.txt", ".hidden", "a.bak"])
def test_what_others_wrote_is_neither_deleted_nor_replaced(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "x"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub").rename(folder / name)
    (folder / name / "of mine").write_text("precious")
    with pytest.raises(DataError, match=rf"holds {name}, which this program did not write"):
        make(folder)
    assert (folder / name / "of mine").read_text() == "precious"
    assert names(tmp_path) == {"x", "x.lock"}


def test_a_file_and_a_link_in_the_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("precious")
    with pytest.raises(DataError, match="is not a folder of this program's cache"):
        make(tmp_path / "x")
    assert (tmp_path / "x").read_text() == "precious"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a").write_text("old")
    (tmp_path / "y").symlink_to(tmp_path / "elsewhere")
    make(tmp_path / "y")
    assert (tmp_path / "elsewhere" / "a").read_text() == "old", "what a link points to stays"
    assert (tmp_path / "y" / "a").read_text() == "content"


@pytest.mark.parametrize("error", [Stopped(signal.SIGTERM), KeyboardInterrupt(), MemoryError()])
def test_an_interrupted_preparation_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def interrupted(folder: Path) -> None:
        (folder / "a").write_text("half")
        raise error

    for before in (False, True):
        with pytest.raises(type(error)):
            ensure_folder(
                tmp_path / "x",
                interrupted,
                damage=folder_damage,
                is_written=NAMES.__contains__,
                purpose="testing",
            )
        assert names(tmp_path) == {"x", "x.lock"} if before else {"x.lock"}
        make(tmp_path / "x")
        (tmp_path / "x" / "a").write_text("damaged")


def test_what_killed_processes_left_is_swept(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = tmp_path / f".other.{ended.pid}.partial"
    left.mkdir()
    (left / "train.arrow").write_text("half")
    os.utime(left, (0, 0))
    make(tmp_path / "x")
    assert names(tmp_path) == {"x", "x.lock"}


@pytest.fixture
def config(tmp_path: Path) -> FilesConfig:
    draw = random.Random(1)
    lines = [" ".join(draw.choices(WORDS, k=5)) for _ in range(60)]
    (tmp_path / "text").write_text("".join(f"{line}\n" for line in lines))
    files = SplitFiles(str(tmp_path / "text"), str(tmp_path / "text"))
    return FilesConfig(
        cache_dir=str(tmp_path / "cache"),
        tokenizer=TokenizerConfig(vocab_size=40),
        train=files,
        validation=files,
        test=files,
    )


def is_refused(folder: Path) -> bool:
    """Whether a large corpus is found damaged when it is opened, or when all pairs are read."""
    if damage(folder, all_blocks=False) is not None:
        return True
    try:
        all_lists(load_train(folder, TextSource))
    except DataError:
        return True
    return False


@pytest.mark.parametrize(
    ("truncations", "flips"), [(4, 60), pytest.param(20, 1000, marks=pytest.mark.slow)]
)
def test_no_change_of_a_prepared_corpus_is_taken_for_it(
    config: FilesConfig, truncations: int, flips: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file truncated at some places, and single bits flipped over all of them."""
    monkeypatch.setattr(cache, "SMALL", 0)
    prepare(config)
    folder = Path(config.cache_dir) / "prepared" / fingerprint_of(config)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    whole = {path: path.read_bytes() for path in files}
    draw = random.Random(3)
    changed = [
        (path, content[: len(content) * part // truncations])
        for path, content in whole.items()
        for part in range(truncations)
    ]
    for _ in range(flips):
        path = draw.choice(files)
        content = bytearray(whole[path])
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        changed.append((path, bytes(content)))
    for path, content in changed:
        path.write_bytes(content)
        assert damage(folder) is not None, path
        assert is_refused(folder), path
        path.write_bytes(whole[path])
    assert damage(folder) is None
    assert not is_refused(folder)


SCRIPT = """
import hashlib, sys
from pathlib import Path
from seq2seq.data.config import TokenizerConfig, TokenizerKind
from seq2seq.data.corpora import FilesConfig, SplitFiles
from seq2seq.data.prepare import prepare
from seq2seq.stopping import install
install()
text, folder = sys.argv[1:]
files = SplitFiles(text, text)
tokenizer = TokenizerConfig(kind=TokenizerKind.unigram, vocab_size=800)
corpus = prepare(FilesConfig(cache_dir=folder, tokenizer=tokenizer, train=files, test=files))
print(corpus.manifest["fingerprint"], hashlib.sha256(corpus.train.source.values).hexdigest())
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_eight_runs_share_a_cache_and_two_of_them_are_killed(
    tmp_path: Path, number: signal.Signals
) -> None:
    """At instants drawn anew each time, from start-up to the end of the preparation."""
    seed = random.SystemRandom().randrange(10**6)
    draw = random.Random(seed)
    syllables = [a + b for a in "bcdfghklmnprst" for b in "aeiou"]
    vocabulary = ["".join(draw.choices(syllables, k=draw.randint(1, 4))) for _ in range(3000)]
    text = tmp_path / "text"
    text.write_text("".join(f"{' '.join(draw.choices(vocabulary, k=12))}\n" for _ in range(20_000)))
    command = [sys.executable, "-c", SCRIPT, str(text), str(tmp_path / "cache")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    runs = [subprocess.Popen(command, **pipes) for _ in range(8)]  # type: ignore[call-overload]
    victims = draw.sample(range(8), 2)
    for victim in victims:
        time.sleep(draw.uniform(1, 15))
        runs[victim].send_signal(number)
    outputs = [run.communicate(timeout=600) for run in runs]
    survivors = [row for row in range(8) if row not in victims]
    assert [runs[row].returncode for row in survivors] == [0] * 6, (seed, outputs)
    assert len({outputs[row][0] for row in survivors}) == 1, seed
    subprocess.run(command, check=True, capture_output=True)  # which sweeps what the killed left
    fingerprint = outputs[survivors[0]][0].split()[0]
    assert names(tmp_path / "cache" / "prepared") == {fingerprint, f"{fingerprint}.lock"}, seed
