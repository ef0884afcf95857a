"""Prepared corpora: made once, whole or not there, and made again when damaged."""

import gzip
import json
import logging
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from seq2seq.config.saved import load_run_config
from seq2seq.data import cache, storage
from seq2seq.data import prepare as prepare_module
from seq2seq.data.config import DataConfig, FilterConfig, TokenizerConfig
from seq2seq.data.corpora import FilesConfig, SplitFiles
from seq2seq.data.corpus_files import damage
from seq2seq.data.held_out import ensure_validation_fits
from seq2seq.data.prepare import PreparedCorpus, fingerprint_of, prepare
from seq2seq.data.sources.base import check
from seq2seq.errors import ConfigError, DataError
from tests.data.columns import all_lists, as_lists

WORDS = ["one", "two", "three", "four", "five", "six"]
SOURCE = [" ".join(WORDS[(row + step) % 6] for step in range(1 + row % 5)) for row in range(60)]
TARGET = [" ".join(word.upper() for word in reversed(text.split())) for text in SOURCE]


def write(path: Path, lines: list[str]) -> str:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return str(path)


@pytest.fixture
def config(tmp_path: Path) -> FilesConfig:
    def split(name: str, rows: slice) -> SplitFiles:
        return SplitFiles(
            write(tmp_path / f"{name}.s", SOURCE[rows]), write(tmp_path / f"{name}.t", TARGET[rows])
        )

    return FilesConfig(
        source_language="en",
        target_language="xx",
        cache_dir=str(tmp_path / "cache"),
        tokenizer=TokenizerConfig(vocab_size=44),
        train=split("train", slice(0, 40)),
        validation=split("validation", slice(40, 50)),
        test=split("test", slice(50, 60)),
    )


def folder_of(config: DataConfig) -> Path:
    return Path(config.cache_dir) / "prepared" / fingerprint_of(config)


def text_of(corpus: PreparedCorpus, row: int) -> tuple[str, str]:
    source, target = (column.row(row) for column in (corpus.train.source, corpus.train.target))
    tokenizers = corpus.tokenizers
    return tokenizers.of_text()[0].decode(source.tolist()), tokenizers.target.decode(
        target.tolist()
    )


def test_ids_are_those_of_the_text(config: FilesConfig) -> None:
    corpus = prepare(config)
    assert len(corpus.train) == 40
    assert corpus.train.links is None
    for row in range(40):
        assert text_of(corpus, row) == (SOURCE[row], TARGET[row])
    assert corpus.validation.pairs.source == SOURCE[40:50]
    assert corpus.test.pairs.target == TARGET[50:]
    assert as_lists(corpus.test.encoded.source) == corpus.tokenizers.source.encode_batch(
        SOURCE[50:]
    )
    assert as_lists(corpus.test.encoded.target) == corpus.tokenizers.target.encode_batch(
        TARGET[50:]
    )
    assert len(corpus.test) == 10


def test_the_second_time_it_is_only_opened(
    config: FilesConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepare(config)
    monkeypatch.setattr(prepare_module, "build", None)
    second = prepare(config)
    assert second.manifest == first.manifest
    assert all_lists(second.train) == all_lists(first.train)
    assert second.validation.pairs == first.validation.pairs
    assert all_lists(second.validation.encoded) == all_lists(first.validation.encoded)


@pytest.mark.parametrize(
    "name", ["train.arrow", "manifest.json", "test.json", "tokenizer/joint.model"]
)
@pytest.mark.parametrize("how", ["truncated", "flipped", "missing"])
def test_damage_is_found_and_mended(
    config: FilesConfig, name: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = prepare(config)
    rows = all_lists(first.train)
    path = folder_of(config) / name
    content = path.read_bytes()
    middle = len(content) // 2
    match how:
        case "truncated":
            path.write_bytes(content[:middle])
        case "flipped":
            path.write_bytes(
                content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
            )
        case "missing":
            path.unlink()
    assert damage(folder_of(config))
    with caplog.at_level(logging.WARNING):
        again = prepare(config)
    assert all_lists(again.train) == rows
    assert damage(folder_of(config)) is None
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "making it again" in warnings[0].getMessage()


def test_what_is_dropped_is_counted_and_only_from_training(
    config: FilesConfig, tmp_path: Path
) -> None:
    source = [
        *SOURCE[:30],
        "",
        "one",
        "one two three four five six one two",
        SOURCE[0],
        "one two three four " * 8,
    ]
    target = [*TARGET[:30], "ONE", " ", "ONE", TARGET[0], "A"]
    config.train = SplitFiles(write(tmp_path / "s", source), write(tmp_path / "t", target))
    config.test = SplitFiles(
        write(tmp_path / "ts", ["", "one " * 50]), write(tmp_path / "tt", ["ONE", ""])
    )
    config.filters = FilterConfig(drop_duplicates=True, max_length_ratio=12.0)
    corpus = prepare(config)
    manifest = corpus.manifest
    assert manifest["train_pairs_before_filters"] == 35
    assert manifest["dropped"]["empty"] == 2
    assert manifest["dropped"]["duplicate"] == 1
    assert manifest["dropped"]["length ratio"] == 1
    assert manifest["pairs"] == {"train": len(corpus.train), "validation": 10, "test": 2}
    assert len(corpus.train) + sum(manifest["dropped"].values()) == 35
    source = as_lists(corpus.test.encoded.source)
    assert source[0] == []
    assert len(source[1]) > 40


def test_nothing_left(config: FilesConfig) -> None:
    config.filters.min_length = 40
    with pytest.raises(DataError, match=r"no training pairs are left of 40; dropped: 40 too short"):
        prepare(config)
    assert not folder_of(config).exists()


def test_links_follow_their_pairs(config: FilesConfig, tmp_path: Path) -> None:
    config.train = SplitFiles(
        write(tmp_path / "s", ["one two", "", "three"]),
        write(tmp_path / "t", ["TWO ONE", "X", "THREE"]),
        links=write(tmp_path / "l", ["0-1", "", "0-0"]),
    )
    config.tokenizer.vocab_size = 20
    corpus = prepare(config)
    joint = corpus.tokenizers.source
    linked = all_lists(corpus.train)["links"][0]
    source, target = joint.encode_words("one two")[1], joint.encode_words("TWO ONE")[1]
    assert {(source[s], target[t]) for s, t in zip(linked[::2], linked[1::2], strict=True)} == {
        (0, 1)
    }
    config.train.links = write(tmp_path / "l", ["0-1", "", "0-9"])
    with pytest.raises(
        DataError, match=rf"{config.train.links}:3: 0-9 names a word that is not there"
    ):
        prepare(config)


def test_several_files_follow_one_another(
    config: FilesConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """They are the corpus of one file; messages name the file and its own line."""
    whole = prepare(config)
    parts = [slice(0, 7), slice(7, 30), slice(30, 40)]
    config.train = SplitFiles(
        [write(tmp_path / f"{part.start}.s", SOURCE[part]) for part in parts],
        [write(tmp_path / f"{part.start}.t", TARGET[part]) for part in parts],
    )
    (tmp_path / "7.s.gz").write_bytes(gzip.compress(Path(config.train.source[1]).read_bytes()))
    config.train.source[1] = str(tmp_path / "7.s.gz")
    assert check(config) == []
    several = prepare(config)
    assert several.manifest["sha256"] == whole.manifest["sha256"]
    assert all_lists(several.train) == all_lists(whole.train)
    fingerprint = several.manifest["fingerprint"]
    for side in ("source", "target"):
        getattr(config.train, side).reverse()
    assert prepare(config).manifest["fingerprint"] != fingerprint, "the order counts"
    config.train.links = [
        write(tmp_path / f"{n}.l", [""] * size) for n, size in enumerate((10, 23, 7))
    ]
    write(Path(config.train.links[1]), ["0-0"] * 22 + ["7-0"])
    for reverse in (False, True):
        config.reverse = reverse
        with pytest.raises(DataError, match=rf"{config.train.links[1]}:23: "):
            prepare(config)


def test_unusual_held_out_sentences_are_named(
    config: FilesConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    long = "one " * 200
    config.validation = SplitFiles(
        [write(tmp_path / "a", ["one", "two"]), write(tmp_path / "b", ["three", long])],
        [write(tmp_path / "c", ["ONE", "TWO"]), write(tmp_path / "d", ["", "FOUR"])],
    )
    for reverse, sides in ((False, ("source", "target")), (True, ("target", "source"))):
        config.reverse = reverse
        for _ in range(2):  # when it is prepared, and when it is opened
            caplog.clear()
            corpus = prepare(config)
            notes = [record.getMessage() for record in caplog.records]
            assert f"note: validation {sides[1]} is empty: {tmp_path}/d:1" in notes
            assert (
                f"note: validation {sides[0]} is longer than data.max_{sides[0]}_length: "
                f"{tmp_path}/b:2"
            ) in notes
        ensure_validation_fits(config, corpus, 1000, 1000)
        with pytest.raises(
            DataError, match=rf"{tmp_path}/b:2: .* longer than model.max_{sides[0]}"
        ):
            ensure_validation_fits(config, corpus, 128, 128)


def test_limit_and_reverse(config: FilesConfig) -> None:
    config.limit_train, config.reverse, config.tokenizer.joint = 25, True, False
    corpus = prepare(config)
    assert len(corpus.train) == 25
    assert text_of(corpus, 7) == (TARGET[7], SOURCE[7])
    assert corpus.manifest["languages"] == ["xx", "en"]
    assert not corpus.tokenizers.joint


def test_the_fingerprint_follows_what_the_ids_follow_from(
    config: FilesConfig, tmp_path: Path
) -> None:
    seen = [fingerprint_of(config)]
    config.batch.max_tokens, config.cache_dir = 256, str(tmp_path / "elsewhere")
    assert fingerprint_of(config) == seen[0]
    for change in ("reverse", "limit", "length", "vocabulary", "filters", "text"):
        match change:
            case "reverse":
                config.reverse = True
            case "limit":
                config.limit_train = 5
            case "length":
                config.max_target_length = 50
            case "vocabulary":
                config.tokenizer.vocab_size += 1
            case "filters":
                config.filters.drop_duplicates = True
            case "text":
                write(Path(str(config.train.source)), SOURCE[1:41])
        seen.append(fingerprint_of(config))
    assert len(set(seen)) == 7


def test_a_model_that_is_given_counts_by_its_content(config: FilesConfig, tmp_path: Path) -> None:
    corpus = prepare(config)
    corpus.tokenizers.save(tmp_path / "models")
    path = tmp_path / "models" / "joint.model"
    config.tokenizer.source_model = str(path)
    before = fingerprint_of(config)
    again = prepare(config)
    assert again.tokenizers.source.sha256 == corpus.tokenizers.source.sha256
    assert all_lists(again.train) == all_lists(corpus.train)
    path.write_bytes(path.read_bytes() + b"\x22\x00")
    assert fingerprint_of(config) != before


def test_problems_are_told_together(config: FilesConfig) -> None:
    config.train.source, config.limit_train = "absent", 0
    with pytest.raises(ConfigError) as error:
        prepare(config)
    assert len(error.value.problems) == 2


def test_processes_that_start_together_agree(config: FilesConfig, tmp_path: Path) -> None:
    code = (
        "import json, sys\n"
        "from seq2seq.data.config import TokenizerConfig\n"
        "from seq2seq.data.corpora import FilesConfig, SplitFiles\n"
        "from seq2seq.data.prepare import prepare\n"
        "from tests.data.columns import all_lists, as_lists\n"
        "options = json.loads(sys.argv[1])\n"
        "names = ('train', 'validation', 'test')\n"
        "splits = {name: SplitFiles(**options.pop(name)) for name in names}\n"
        "tokenizer = TokenizerConfig(vocab_size=44)\n"
        "config = FilesConfig(**options, **splits, tokenizer=tokenizer)\n"
        "print(json.dumps(all_lists(prepare(config).train)))\n"
    )
    options = {
        name: getattr(config, name) for name in ("source_language", "target_language", "cache_dir")
    }
    options |= {name: vars(getattr(config, name)) for name in ("train", "validation", "test")}
    command = [sys.executable, "-c", code, json.dumps(options)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [run.communicate(timeout=120)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert outputs[0] == outputs[1] != ""
    prepared = Path(config.cache_dir) / "prepared"
    assert {path.name for path in prepared.iterdir()} == {
        folder_of(config).name,
        f"{folder_of(config).name}.lock",
    }


class ReadCounts:
    """How often each text file is opened to be read as text or for its hash."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.counts: Counter[str] = Counter()
        read, hashed = storage.HashingFile.__init__, storage.sha256_of

        def opened(file: storage.HashingFile, path: Path) -> None:
            self.counts[path.name] += 1
            read(file, path)

        def hashed_again(path: Path) -> str:
            self.counts[path.name] += 1
            return hashed(path)

        monkeypatch.setattr(storage.HashingFile, "__init__", opened)
        monkeypatch.setattr(storage, "sha256_of", hashed_again)

    def of_text(self) -> dict[str, int]:
        return {name: count for name, count in self.counts.items() if name.endswith((".s", ".t"))}


TEXT_FILES = [f"{split}.{side}" for split in ("train", "validation", "test") for side in "st"]


def test_text_is_read_once(config: FilesConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = ReadCounts(monkeypatch)
    prepare(config)
    assert reads.of_text() == dict.fromkeys(TEXT_FILES, 1)
    prepare(config)
    assert reads.of_text() == dict.fromkeys(TEXT_FILES, 1), "a ready corpus is opened"


def test_text_that_was_checked_is_read_once_more_to_prepare_it(
    config: FilesConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = ReadCounts(monkeypatch)
    assert check(config) == []
    assert reads.of_text() == dict.fromkeys(TEXT_FILES, 1)
    prepare(config)
    assert reads.of_text() == dict.fromkeys(TEXT_FILES, 2)


def test_text_that_changed_is_read_again(config: FilesConfig) -> None:
    before = prepare(config)
    write(Path(str(config.test.source)), SOURCE[:10])
    after = prepare(config)
    assert after.manifest["fingerprint"] != before.manifest["fingerprint"]
    assert after.test.pairs.source == SOURCE[:10]


def test_files_are_not_hashed_inside_the_lock(
    config: FilesConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes of one run verify a ready corpus side by side."""
    prepare(config)
    inside = False

    @contextmanager
    def locked(path: Path, purpose: str) -> Iterator[None]:
        nonlocal inside
        inside = True
        yield
        inside = False

    def verified(folder: Path, *, all_blocks: bool) -> str | None:
        assert not inside
        return damage(folder, all_blocks=all_blocks)

    monkeypatch.setattr(cache, "locked", locked)
    monkeypatch.setattr(prepare_module, "damage", verified)
    prepare(config)
    (folder_of(config) / "test.json").write_text("{}")
    prepare(config)


def test_a_corpus_that_another_process_has_prepared_is_verified_and_opened(
    config: FilesConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = Path(config.cache_dir) / "prepared"
    waiting = True

    @contextmanager
    def locked(path: Path, purpose: str) -> Iterator[None]:
        nonlocal waiting
        if waiting:  # meanwhile another process prepares it
            waiting = False
            other = prepare_module.prepare(config, directory=directory)
            assert len(other.train) == 40
            monkeypatch.setattr(prepare_module, "build", None)
        yield

    monkeypatch.setattr(cache, "locked", locked)
    assert len(prepare(config).train) == 40


def test_a_corpus_prepared_by_version_0_1_0_is_found_and_prepared_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixtures = Path(__file__).parents[1] / "fixtures" / "v0.1.0"
    data = load_run_config(fixtures / "run" / "config.yaml").data
    new = prepare(data, directory=tmp_path / "new")
    shutil.copytree(fixtures / "cache" / "prepared", tmp_path / "old")
    monkeypatch.setattr(prepare_module, "build", None)
    old = prepare(data, directory=tmp_path / "old")
    assert all_lists(old.train) == all_lists(new.train)
    for name in ("test", "validation"):
        assert getattr(old, name).pairs == getattr(new, name).pairs
        files = [
            tmp_path / where / old.manifest["fingerprint"] / f"{name}.json"
            for where in ("old", "new")
        ]
        assert files[0].read_bytes() == files[1].read_bytes()
    for key in ("fingerprint", "sha256", "tokenizers", "pairs", "dropped"):
        assert old.manifest[key] == new.manifest[key]
