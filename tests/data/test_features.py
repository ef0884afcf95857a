"""Sources that are frames of features: read, refused, stored, batched and kept with a bundle."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from seq2seq.data.augmentation_config import AugmentationConfig
from seq2seq.data.batch import collate
from seq2seq.data.batch_config import BatchConfig
from seq2seq.data.column import Column
from seq2seq.data.config import TokenizerConfig, TokenizerKind
from seq2seq.data.corpora import FilesConfig, SplitFiles
from seq2seq.data.encoded import EncodedPairs
from seq2seq.data.kinds.features import FeatureSource
from seq2seq.data.loader import EvaluationLoader
from seq2seq.data.prepare import fingerprint_of, prepare
from seq2seq.data.sources.base import check, load_raw
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.errors import ConfigError, DataError
from seq2seq.model.frontend import FeatureSpec
from seq2seq.padding import Features

WIDTH = 3
LENGTHS = [4, 2, 5, 1]
BOUND = 6


def frames(length: int, *, seed: int = 1, width: int = WIDTH) -> np.ndarray:
    return np.random.default_rng([seed, length]).normal(size=(length, width)).astype(np.float32)


def write_split(folder: Path, name: str, arrays: list[np.ndarray], ending: str) -> SplitFiles:
    """Feature files, their list, and a target for each."""
    (folder / name).mkdir(parents=True, exist_ok=True)
    paths = [f"{name}/{number}{ending}" for number in range(len(arrays))]
    for path, array in zip(paths, arrays, strict=True):
        if ending == ".npy":
            np.save(folder / path, array)
        else:
            save_file({"frames": array}, folder / path)
    (folder / f"{name}.list").write_text("".join(f"{path}\n" for path in paths))
    targets = [" ".join(["a", "b", "c"][: 1 + row % 3]) for row in range(len(arrays))]
    (folder / f"{name}.target").write_text("".join(f"{target}\n" for target in targets))
    return SplitFiles(str(folder / f"{name}.list"), str(folder / f"{name}.target"))


@pytest.fixture(params=[".npy", ".safetensors"])
def config(tmp_path: Path, request: pytest.FixtureRequest) -> FilesConfig:
    splits = {
        name: write_split(
            tmp_path / "features", name, [frames(n, seed=seed) for n in LENGTHS], request.param
        )
        for seed, name in enumerate(("train", "validation", "test"))
    }
    return FilesConfig(
        source_kind="features",
        cache_dir=str(tmp_path / "cache"),
        max_source_length=BOUND,
        tokenizer=TokenizerConfig(kind=TokenizerKind.word, joint=False),
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
    )


def test_a_prepared_corpus_holds_the_frames_of_the_files(config: FilesConfig) -> None:
    assert check(config) == []
    corpus = prepare(config)
    rows = [corpus.train.source.row(row) for row in range(len(LENGTHS))]
    for row, length in zip(rows, LENGTHS, strict=True):
        assert np.array_equal(row, frames(length, seed=0))
    assert isinstance(corpus.train.source.values, np.memmap)
    assert corpus.train.source_lengths().tolist() == LENGTHS
    assert corpus.tokenizers.source.spec() == FeatureSpec(WIDTH)
    assert not corpus.tokenizers.joint
    names = [f"test/{number}" for number in range(len(LENGTHS))]
    assert [str(item).partition(".")[0] for item in corpus.test.pairs.source] == names
    for item, length in zip(corpus.test.pairs.source, LENGTHS, strict=True):
        assert np.array_equal(item.frames(), frames(length, seed=2))
    with pytest.raises(ConfigError, match="text is needed on both sides"):
        corpus.tokenizers.of_text()


def test_a_prepared_corpus_needs_no_feature_file(config: FilesConfig) -> None:
    first = prepare(config)
    again = prepare(config)
    assert again.manifest == first.manifest
    for path in Path(str(config.train.source)).parent.rglob("*.*"):
        path.unlink()
    assert np.array_equal(again.test.pairs.source[2].frames(), frames(LENGTHS[2], seed=2))
    assert np.array_equal(again.train.source.row(0), frames(LENGTHS[0], seed=0))


def test_the_fingerprint_follows_the_frames(config: FilesConfig) -> None:
    before = fingerprint_of(config)
    path = next((Path(str(config.train.source)).parent / "train").iterdir())
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert fingerprint_of(config) != before


def test_links_are_of_frames(config: FilesConfig, tmp_path: Path) -> None:
    links = tmp_path / "links"
    links.write_text("0-0 3-0\n1-1\n\n0-0\n")
    config.train = replace(config.train, links=str(links))
    stored = prepare(config).train.links
    assert stored is not None
    assert [stored.row(row).tolist() for row in range(4)] == [[0, 0, 3, 0], [1, 1], [], [0, 0]]
    links.write_text("0-0\n2-1\n\n0-0\n")  # the second source has two frames
    with pytest.raises(DataError, match="links:2: 2-1 names a word that is not there"):
        prepare(config)


BAD_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: path.unlink(), "no such file"),
    "another width": (
        lambda path: np.save(path, frames(2, width=WIDTH + 1)),
        "has 4 features a frame",
    ),
    "NaN": (lambda path: np.save(path, frames(2) * np.nan), "frame 0, feature 0 is nan"),
    "infinite": (
        lambda path: np.save(path, np.array([[0, 1, 2], [0, np.inf, 2]], np.float32)),
        "frame 1, feature 1 is inf",
    ),
    "integers": (lambda path: np.save(path, np.ones((2, WIDTH), int)), "must hold floats"),
    "one dimension": (lambda path: np.save(path, np.ones(4, np.float32)), "must be of shape"),
    "no frames": (lambda path: np.save(path, np.ones((0, WIDTH), np.float32)), "of shape"),
    "too long": (lambda path: np.save(path, frames(BOUND + 1)), "has 7 frames, more than data."),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-3]), "not a whole .npy file"),
    "pickled": (
        lambda path: np.save(path, np.array([{}], object), allow_pickle=True),
        "not a whole .npy file",
    ),
}


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_named_with_its_place_in_the_list(
    tmp_path: Path, case: str, split: str
) -> None:
    splits = {
        name: write_split(tmp_path, name, [frames(n) for n in LENGTHS], ".npy")
        for name in ("train", "test")
    }
    bad = tmp_path / split / "1.npy"
    change, reason = BAD_FILES[case]
    change(bad)
    config = FilesConfig(
        source_kind="features",
        cache_dir=str(tmp_path / "cache"),
        max_source_length=BOUND,
        tokenizer=TokenizerConfig(kind=TokenizerKind.word, joint=False),
        **splits,  # type: ignore[arg-type]
    )
    with pytest.raises((ConfigError, DataError)) as error:
        prepare(config)
    for part in (f"{tmp_path / split}.list:2: ", str(bad), reason):
        assert part in str(error.value)
    if case not in ("NaN", "infinite"):  # known from the header, before training starts
        (problem,) = check(config)
        assert problem.startswith(f"data.{split}: ") and str(bad) in problem
    assert not list((tmp_path / "cache").glob("prepared/*/manifest.json"))


def test_the_widths_of_splits_must_agree(config: FilesConfig, tmp_path: Path) -> None:
    config.test = write_split(tmp_path, "wide", [frames(2, width=WIDTH + 2)], ".npy")
    with pytest.raises(DataError, match=r"wide\.list:1: .*has 5 features.*must have 3"):
        prepare(config)


@pytest.mark.parametrize("path", ["a.txt", "a"])
def test_other_formats_are_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(DataError, match=r"is not a feature file; .*\.npy, \.safetensors"):
        FeatureSource.items([path], tmp_path / "list")


def test_a_safetensors_file_holds_one_tensor(tmp_path: Path) -> None:
    save_file({"a": frames(2), "b": frames(2)}, tmp_path / "two.safetensors")
    with pytest.raises(DataError, match="must hold one tensor, but holds 2"):
        FeatureSource.items(["two.safetensors"], tmp_path / "list")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"reverse": True}, "data.reverse: targets must be text"),
        (
            {"augmentation": AugmentationConfig(split_probability=0.1)},
            "data.augmentation.split_probability: features have no subwords",
        ),
        (
            {"tokenizer": TokenizerConfig(joint=True, source_model=__file__)},
            "data.tokenizer.source_model: features have no subwords",
        ),
    ],
)
def test_options_of_text_are_refused(
    config: FilesConfig, options: dict[str, Any], says: str
) -> None:
    defaults = replace(config, tokenizer=TokenizerConfig(joint=True))
    assert any(problem.startswith(says) for problem in check(replace(defaults, **options)))


def pairs() -> EncodedPairs:
    lengths = np.array(LENGTHS, np.int64)
    values = np.concatenate([frames(length) for length in LENGTHS])
    offsets = np.append(0, np.cumsum(lengths))
    target = Column.of([[7], [8, 9], [7], [9]])
    return EncodedPairs(Column(values, offsets), target, kind=FeatureSource)


def test_what_a_batch_holds() -> None:
    batch = collate(pairs(), np.array([1, 3, 0]), source_width=5)
    assert isinstance(batch.source, Features)
    assert batch.source.values.shape == (3, 5, WIDTH)
    assert batch.source.values.dtype == torch.float32
    assert batch.source.padding.lengths.tolist() == [2, 1, 4]
    for row, length in enumerate([2, 1, 4]):
        assert np.array_equal(batch.source.values[row, :length].numpy(), frames(length))
        assert not batch.source.values[row, length:].any()


def test_batches_are_bounded_in_frames() -> None:
    batches = list(EvaluationLoader(pairs(), BatchConfig(max_tokens=6)))
    assert sorted(row for batch in batches for row in batch.indices.tolist()) == [0, 1, 2, 3]
    for batch in batches:
        assert len(batch) * batch.source.padding.width <= 6 or len(batch) == 1


def test_joining_pairs_joins_their_frames() -> None:
    joined = pairs().joined(np.array([0, 2]))
    expected = np.concatenate([frames(LENGTHS[0]), frames(LENGTHS[1])])
    assert np.array_equal(joined.source.row(0), expected)
    assert joined.target.row(0).tolist() == [7, 8, 9]
    assert joined.fits(6, 4).tolist() == [True, True]
    assert joined.fits(5, 4).tolist() == [False, False]


def test_items_come_back_from_where_they_were_kept(tmp_path: Path) -> None:
    arrays = [frames(length) for length in LENGTHS]
    items = FeatureSource.items(arrays)
    FeatureSource.save_items(tmp_path / "test.source", items)
    back = FeatureSource.load_items(tmp_path / "test.source", [f"n{row}" for row in range(4)])
    assert [str(item) for item in back] == ["n0", "n1", "n2", "n3"]
    assert all(np.array_equal(item.frames(), a) for item, a in zip(back, arrays, strict=True))
    assert FeatureSource.items(back) == back
    with pytest.raises(DataError, match="holds 4 sources, but 3 are listed"):
        FeatureSource.load_items(tmp_path / "test.source", ["a", "b", "c"])
    FeatureSource.save_items(tmp_path / "none", [])
    assert FeatureSource.load_items(tmp_path / "none", []) == []


@pytest.mark.parametrize("array", [np.ones((2, 3), int), np.ones(3), np.full((1, 2), np.nan)])
def test_arrays_that_are_refused(array: np.ndarray) -> None:
    with pytest.raises(DataError, match="source 2: "):
        FeatureSource.items([frames(2), array])


def test_words_labels_and_captions_are_of_frames() -> None:
    (item,) = FeatureSource.items([frames(3)])
    units, words = FeatureSource(WIDTH).encode_words(item)
    assert words == [0, 1, 2] and len(units) == 3
    assert FeatureSource.words(item) == FeatureSource(WIDTH).labels(units) == ["0", "1", "2"]
    assert FeatureSource.caption(item) == "source 1 (3 frames)"


def test_what_a_model_keeps_of_its_kind(config: FilesConfig, tmp_path: Path) -> None:
    corpus = prepare(config)
    corpus.tokenizers.save(tmp_path / "tokenizer")
    loaded = Tokenizers.load(tmp_path / "tokenizer")
    assert isinstance(loaded.source, FeatureSource)
    assert loaded.source.sha256 == corpus.tokenizers.source.sha256
    assert loaded.source.sha256 != FeatureSource(WIDTH + 1).sha256
    (tmp_path / "tokenizer" / "features.json").unlink()
    with pytest.raises(DataError, match="does not say how wide frames are"):
        Tokenizers.load(tmp_path / "tokenizer")


def test_a_path_may_stand_in_a_column(config: FilesConfig) -> None:
    listed = Path(str(config.train.source))
    lines = zip(
        listed.read_text().splitlines(),
        Path(str(config.train.target)).read_text().splitlines(),
        strict=True,
    )
    table = listed.with_name("train.tsv")
    table.write_text("".join(f"{source}\t{target}\n" for source, target in lines))
    in_columns = replace(config, train=SplitFiles(path=str(table)))
    assert check(in_columns) == []
    both = [load_raw(each).train for each in (config, in_columns)]
    assert [str(item) for item in both[0].source] == [str(item) for item in both[1].source]
    assert both[0].target == both[1].target
