"""What is worth knowing about a corpus is told before time is spent on it."""

import re
from pathlib import Path

import pytest

from seq2seq.data.config import TokenizerConfig
from seq2seq.data.corpora import FilesConfig, SplitFiles
from seq2seq.data.prepare import prepare

WORDS = ["one", "two", "three", "four", "five", "six", "seven"]
UNKNOWN = "subwords are <unk>; data.tokenizer.byte_fallback=true spells them instead"
SENTENCES = [f"{first} {second} {first}" for first in WORDS for second in WORDS]


def split(path: Path, source: list[str], target: list[str]) -> SplitFiles:
    for side, lines in (("s", source), ("t", target)):
        path.with_suffix(f".{side}").write_text(
            "".join(line + "\n" for line in lines), encoding="utf-8"
        )
    return SplitFiles(str(path.with_suffix(".s")), str(path.with_suffix(".t")))


@pytest.fixture
def config(tmp_path: Path) -> FilesConfig:
    return FilesConfig(
        source_language="en",
        target_language="xx",
        cache_dir=str(tmp_path / "cache"),
        tokenizer=TokenizerConfig(vocab_size=40),
        train=split(tmp_path / "train", SENTENCES[:40], [text.upper() for text in SENTENCES[:40]]),
        validation=split(
            tmp_path / "validation", SENTENCES[40:44], [text.upper() for text in SENTENCES[40:44]]
        ),
        test=split(tmp_path / "test", SENTENCES[44:], [text.upper() for text in SENTENCES[44:]]),
    )


def test_a_sound_corpus(config: FilesConfig) -> None:
    assert prepare(config).manifest["cautions"] == []


def test_all_there_is_to_say(config: FilesConfig, tmp_path: Path) -> None:
    train = SENTENCES[:20] + SENTENCES[:3] + [""] * 4
    config.train = split(tmp_path / "train", train, [text.upper() for text in train])
    config.validation = SplitFiles()
    config.test = split(
        tmp_path / "test", [SENTENCES[0], "日本", "", " ".join(WORDS * 9)], ["A", "B", "B", "C"]
    )
    config.max_source_length = 30
    found = [
        re.sub(r"of \d+ (.* subwords)", r"of N \1", each)
        for each in prepare(config).manifest["cautions"]
    ]
    assert found == [
        "4 of 27 training pairs are left out: 4 empty",
        "3 training pairs are repetitions; data.filters.drop_duplicates=true leaves them out",
        "there is no validation set",
        "1 test source sentences occur in training, too, so scores flatter",
        "1 test source sentences are empty",
        "1 test source sentences are longer than data.max_source_length=30",
        "1 test target sentences are repetitions",
        f"1 of N test source {UNKNOWN}",
        f"4 of N test target {UNKNOWN}",
    ]
