"""Text that was read before is read again exactly if it may have changed."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from seq2seq.data import known_text, storage
from seq2seq.data.config import TokenizerConfig
from seq2seq.data.corpora import FilesConfig, SplitFiles
from seq2seq.data.prepare import prepare
from seq2seq.data.sources.base import file_problems
from tests.data.test_word_encoder import sentences


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FilesConfig:
    monkeypatch.setattr(known_text, "SETTLED", -3600.0)
    for side in ("source", "target"):
        (tmp_path / side).write_text("\n".join(sentences(60)) + "\n")
    return FilesConfig(
        source_language="a",
        target_language="b",
        cache_dir=str(tmp_path / "cache"),
        tokenizer=TokenizerConfig(vocab_size=36),
        train=SplitFiles(str(tmp_path / "source"), str(tmp_path / "target")),
    )


class Reads:
    """Counts the files of text that are opened by what stands for a new process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        opened, hashed = storage.HashingFile.__init__, storage.sha256_of

        def counted(file: storage.HashingFile, path: Path) -> None:
            self.count += 1
            opened(file, path)

        def counted_hash(path: Path) -> str:
            self.count += 1
            return hashed(path)

        monkeypatch.setattr(storage.HashingFile, "__init__", counted)
        monkeypatch.setattr(storage, "sha256_of", counted_hash)

    def of_new_process(self, config: FilesConfig) -> int:
        storage._hashes.clear()
        self.count = 0
        assert file_problems(config) == []
        prepare(config)
        return self.count


def test_text_that_was_read_is_not_read_again(
    config: FilesConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads(monkeypatch)
    assert reads.of_new_process(config) == 4, "checked, then prepared"
    assert reads.of_new_process(config) == 0
    assert reads.of_new_process(replace(config, verify=True)) == 2
    assert reads.of_new_process(replace(config, reverse=True)) == 2, "prepared, not checked"


def rewritten(path: Path) -> None:
    """Other content of the same size under the same time of modification."""
    before, content = path.stat(), path.read_bytes()
    path.write_bytes(content[::-1].lstrip(b"\n") + b"\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def replaced(path: Path) -> None:
    """A file in the place of another."""
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    rewritten(other)
    other.replace(path)


@pytest.mark.parametrize("change", [rewritten, replaced])
def test_changed_text_is_read(config: FilesConfig, change: Callable[[Path], None]) -> None:
    before = prepare(config).manifest
    change(Path(str(config.train.source)))
    storage._hashes.clear()
    after = prepare(config).manifest
    assert after["fingerprint"] != before["fingerprint"]
    assert after["sha256"]["train"] != before["sha256"]["train"]


def test_faults_in_changed_text_are_told(config: FilesConfig) -> None:
    prepare(config)
    source = Path(str(config.train.source))
    source.write_bytes(source.read_bytes().replace(b" ", b"\r", 1))
    storage._hashes.clear()
    (problem,) = file_problems(config)
    assert f"{source}:" in problem and "carriage return" in problem


def test_a_file_that_was_just_written_is_not_listed(
    config: FilesConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_text, "SETTLED", 3600.0)
    prepare(config)
    assert not (Path(config.cache_dir) / known_text.LIST).exists()


def test_a_damaged_list_lists_nothing(config: FilesConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = Reads(monkeypatch)
    reads.of_new_process(config)
    listed = Path(config.cache_dir) / known_text.LIST
    content = listed.read_bytes()
    for place in range(0, len(content), 37):
        damaged = bytearray(content)
        damaged[place] ^= 1
        listed.write_bytes(damaged)
        assert known_text.read_list(listed.parent) == {"files": [], "corpora": []}
    assert reads.of_new_process(config) == 2, "checked, and the corpus is there"
    assert reads.of_new_process(config) == 0, "listed anew"


def test_another_corpus_of_the_same_files_is_checked(
    config: FilesConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file is without fault, but not their sides beside each other."""
    prepare(config)
    longer = Path(str(config.train.source)).with_name("longer")
    longer.write_text("\n".join(sentences(61)) + "\n")
    prepare(replace(config, train=SplitFiles(str(longer), str(longer))))
    storage._hashes.clear()
    mixed = replace(config, train=SplitFiles(str(config.train.source), str(longer)))
    assert len(file_problems(mixed)) == 1
