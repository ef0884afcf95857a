"""Generated tones: what their files hold, and that they follow from the options."""

from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from seq2seq.data.sources.base import check, load_raw
from seq2seq.data.sources.pairs import Pairs, RawCorpus
from seq2seq.data.sources.tones import MIN_SILENCE, MIN_TONE
from seq2seq.data.synthetic import MAX_SILENCE, MAX_TONE, TonesConfig


@pytest.fixture
def config(tmp_path: Path) -> TonesConfig:
    sizes = {"num_train": 30, "num_validation": 10, "num_test": 10}
    return TonesConfig(cache_dir=str(tmp_path), min_length=2, max_length=5, **sizes)  # type: ignore[arg-type]


def splits(corpus: RawCorpus) -> list[Pairs]:
    return [corpus.train, corpus.validation, corpus.test]


def contents(pairs: Pairs) -> list[bytes]:
    return [item.frames().tobytes() for item in pairs.source]


def test_each_linked_frame_sounds_most_near_its_tone(config: TonesConfig) -> None:
    config = replace(config, noise=0.0, num_bins=48)
    corpus = load_raw(config)
    for pairs in splits(corpus):
        assert pairs.links is not None
        for item, target, links in zip(pairs.source, pairs.target, pairs.links, strict=True):
            symbols, frames = target.split(), item.frames()
            linked = dict(tuple(map(int, link.split("-"))) for link in links.split())
            assert set(linked.values()) == set(range(len(symbols)))
            for frame in range(len(frames)):
                if frame in linked:
                    tone = int(symbols[linked[frame]].removeprefix("t")) - 1
                    assert int(frames[frame].argmax()) // (48 // config.num_tones) == tone
                else:
                    assert not frames[frame].any()


def test_durations_are_within_their_bounds(config: TonesConfig) -> None:
    seen: dict[bool, set[int]] = {True: set(), False: set()}
    for pairs in splits(load_raw(config)):
        assert pairs.links is not None
        for item, links in zip(pairs.source, pairs.links, strict=True):
            linked = {int(link.split("-")[0]) for link in links.split()}
            for sounds, group in groupby(range(item.shape[0]), key=linked.__contains__):
                seen[sounds].add(len(list(group)))
    assert seen[True] == set(range(MIN_TONE, MAX_TONE + 1))
    assert seen[False] == set(range(MIN_SILENCE, MAX_SILENCE + 1))


def test_no_target_is_drawn_twice_and_no_tone_twice_in_one(config: TonesConfig) -> None:
    corpus = load_raw(config)
    targets = [target for pairs in splits(corpus) for target in pairs.target]
    assert len(targets) == len(set(targets)) == 50
    assert [len(pairs) for pairs in splits(corpus)] == [30, 10, 10]
    lengths = [len(target.split()) for target in targets]
    assert set(lengths) == {2, 3, 4, 5}
    assert all(len(set(target.split())) == n for target, n in zip(targets, lengths, strict=True))


def test_they_follow_from_the_options_alone(config: TonesConfig, tmp_path: Path) -> None:
    first = load_raw(config)
    elsewhere = load_raw(replace(config, cache_dir=str(tmp_path / "elsewhere")))
    larger = load_raw(replace(config, num_train=40))
    other = load_raw(replace(config, seed=2))
    for one, same in zip(splits(first), splits(elsewhere), strict=True):
        assert contents(one) == contents(same) and one.target == same.target
    assert contents(larger.test) == contents(first.test)
    assert contents(larger.validation) == contents(first.validation)
    assert larger.train.target[:30] == first.train.target
    assert not set(contents(other.test)) & set(contents(first.test))


def test_files_that_are_there_are_not_written_again(config: TonesConfig) -> None:
    corpus = load_raw(config)
    path, frames = corpus.train.source[0].path, corpus.train.source[0].frames()
    written = path.stat()
    load_raw(config)
    assert path.stat() == written
    np.save(path, np.ones((4, config.num_bins), np.float32))
    again = load_raw(config).train.source[0]
    assert again.frames().tolist() == frames.tolist(), "a damaged corpus is generated again"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"min_length": 6}, "data.min_length: must be at most data.max_length=5, not 6"),
        ({"num_tones": 4}, "data.num_tones: must be at least data.max_length=5, not 4"),
        ({"max_source_length": 31}, "data.max_source_length: must be at least 32 frames"),
        ({"max_target_length": 5}, "data.max_target_length: must be more than data.max_length"),
        (
            {"num_tones": 5, "num_train": 200},
            "data.num_train: must be, with data.num_validation and data.num_test, at most 160",
        ),
        ({"source_kind": "text"}, "data.source_kind: tones has sources of the kind features"),
    ],
)
def test_options_that_are_refused(config: TonesConfig, options: dict[str, int], says: str) -> None:
    (problem,) = check(replace(config, **options))  # type: ignore[arg-type]
    assert problem.startswith(says)
