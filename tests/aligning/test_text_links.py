"""Links of the statistical aligner: of what they are made, when again, and who may use them."""

import logging
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seq2seq.aligning import text_links
from seq2seq.aligning.extra_text import extra_text_problems
from seq2seq.aligning.supervision import RECORD, supervised_corpus
from seq2seq.alignment.links import parse_links
from seq2seq.alignment.statistical_links import AlignedPair, statistical_links
from seq2seq.alignment.symmetrize import SymmetrizeMethod
from seq2seq.attention.catalogue import LinformerConfig
from seq2seq.config.schema import RunConfig
from seq2seq.data.column import Column
from seq2seq.data.config import TokenizerConfig
from seq2seq.data.corpora import FilesConfig, SplitFiles
from seq2seq.data.encoded import NULL_SOURCE
from seq2seq.data.links import subword_links
from seq2seq.data.prepare import PreparedCorpus, prepare, training_text
from seq2seq.data.words import tokens_of_characters
from seq2seq.errors import CheckpointError, ConfigError, DataError
from seq2seq.run.start import start_run
from seq2seq.training.supervision_config import AlignmentSupervisionConfig, SupervisionKind
from tests.data.columns import as_lists

WORDS = ["ash", "bay", "cap", "dew", "elm", "fog", "gum", "hay"]
TRANSLATED = {word: word[::-1] for word in WORDS}
METHOD = SymmetrizeMethod.grow_diag


def sentences(number: int, seed: int) -> Iterator[tuple[str, str]]:
    """Word by word, with a particle before each translation of "hay" and a full stop.

    An even seed gives the words other translations.
    """
    random = np.random.default_rng(seed)
    moved = 0 if seed % 2 else 3
    translated = dict(zip(WORDS, [*WORDS[moved:], *WORDS[:moved]], strict=True))
    for _ in range(number):
        words = [str(word) for word in random.choice(WORDS, 5)]
        target = [("no " if word == "hay" else "") + translated[word][::-1] for word in words]
        yield f"{' '.join(words).capitalize()}.", f"{' '.join(target)}."


def write_pairs(folder: Path, name: str, number: int, seed: int) -> tuple[str, str]:
    paths = folder / f"{name}.source", folder / f"{name}.target"
    for path, lines in zip(paths, zip(*sentences(number, seed), strict=True), strict=True):
        path.write_text("".join(f"{line}\n" for line in lines))
    return str(paths[0]), str(paths[1])


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    source, target = write_pairs(tmp_path, "train", 60, seed=1)
    return RunConfig(
        data=FilesConfig(
            train=SplitFiles(source, target),
            cache_dir=str(tmp_path / "cache"),
            tokenizer=TokenizerConfig(vocab_size=60),
        ),
        alignment_supervision=AlignmentSupervisionConfig(
            kind=SupervisionKind.statistical, method=METHOD
        ),
    )


def supervised(config: RunConfig, tmp_path: Path, name: str = "run") -> list[list[int]]:
    """The subword links that a run in a folder trains on."""
    (tmp_path / name).mkdir(exist_ok=True)
    links = supervised_corpus(config, prepare(config.data), tmp_path / name).train.links
    assert links is not None
    return as_lists(links)


def expected(config: RunConfig, corpus: PreparedCorpus, pairs: list[AlignedPair]) -> Column:
    text = training_text(config.data, corpus)
    lines = [" ".join(f"{i}-{j}" for i, j in sorted(pair.links)) for pair in pairs]
    return subword_links(
        replace(text, links=lines),
        np.arange(len(text)),
        corpus.tokenizers,
        tokens_of_characters,
        nulls=[pair.nulls for pair in pairs],
    )


def folders(config: RunConfig) -> list[Path]:
    found = Path(config.data.cache_dir).glob("prepared/*-links-*")
    return sorted(path for path in found if path.is_dir())


def ignore(rounds: int) -> None:
    """Ignores progress."""


def test_links_are_those_of_words_and_punctuation_marks_in_lower_case(
    config: RunConfig, tmp_path: Path
) -> None:
    found = supervised(config, tmp_path)
    corpus = prepare(config.data)
    text = training_text(config.data, corpus)
    sides = [
        [line.lower().replace(".", " .").split() for line in side]
        for side in (text.source, text.target)
    ]
    pairs = statistical_links(*sides, METHOD, progress=ignore)
    assert [sorted(row) for row in found] == [
        sorted(row) for row in as_lists(expected(config, corpus, pairs))
    ]
    (folder,) = folders(config)
    lines = (folder / "links.pharaoh").read_text().splitlines()
    assert [parse_links(line) for line in lines] == [frozenset(pair.links) for pair in pairs]
    right = [
        (sides[1][row][j] == TRANSLATED.get(sides[0][row][i], "."))
        for row, pair in enumerate(pairs)
        for i, j in pair.links
    ]
    assert np.mean(right) > 0.8


def test_words_that_translate_nothing_are_null_links(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def all_null(source: list[list[str]], target: list[list[str]], *_: object, progress: object):  # type: ignore[no-untyped-def]
        return [AlignedPair({(0, 0): 1.0}, list(range(1, len(line)))) for line in target]

    monkeypatch.setattr(text_links, "statistical_links", all_null)
    rows = supervised(config, tmp_path)
    target = prepare(config.data).train.target
    for number, row in enumerate(rows):
        links = np.array(row).reshape(-1, 2)
        nulls = links[links[:, 0] == NULL_SOURCE, 1]
        others = links[links[:, 0] != NULL_SOURCE, 1]
        assert sorted({*nulls, *others}) == list(range(len(target.row(number))))
        assert not {*nulls} & {*others}


def test_further_text_is_read_but_not_trained_on(config: RunConfig, tmp_path: Path) -> None:
    alone = supervised(config, tmp_path, "alone")
    extra = write_pairs(tmp_path, "extra", 300, seed=2)
    supervision = config.alignment_supervision
    supervision.extra_source, supervision.extra_target = extra
    more = supervised(config, tmp_path, "more")
    assert len(more) == len(alone) == len(prepare(config.data).train)
    assert more != alone
    assert len(folders(config)) == 2
    write_pairs(tmp_path, "extra", 300, seed=3)
    supervised(config, tmp_path, "other")
    assert len(folders(config)) == 3, "the same paths, but other text"


def test_links_are_made_once_for_what_they_depend_on(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = supervised(config, tmp_path, "one")
    monkeypatch.setattr(text_links, "statistical_links", None)
    config.alignment_supervision.weight = 1.0
    assert supervised(config, tmp_path, "two") == first
    assert (tmp_path / "one" / RECORD).read_text() == (tmp_path / "two" / RECORD).read_text()
    config.alignment_supervision.method = SymmetrizeMethod.intersection
    with pytest.raises(TypeError):
        supervised(config, tmp_path, "three")


def test_a_resumed_run_gets_the_same_links(config: RunConfig, tmp_path: Path) -> None:
    supervision = config.alignment_supervision
    extra = write_pairs(tmp_path, "extra", 100, seed=2)
    supervision.extra_source, supervision.extra_target = extra
    first = supervised(config, tmp_path)
    (folder,) = folders(config)
    shutil.rmtree(folder)
    assert supervised(config, tmp_path) == first, "aligned again"
    Path(extra[0]).unlink()
    assert supervised(config, tmp_path) == first, "nothing else is needed"
    shutil.rmtree(folder)
    write_pairs(tmp_path, "extra", 100, seed=3)
    with pytest.raises(
        CheckpointError,
        match="extra_source or extra_target has changed, or the aligner; bring that folder back",
    ):
        supervised(config, tmp_path)


def test_auto_does_the_same_or_says_why_not(
    config: RunConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = supervised(config, tmp_path, "one")
    config.alignment_supervision.kind = SupervisionKind.auto
    assert supervised(config, tmp_path, "two") == first
    config.model.decoder.cross_attention = LinformerConfig()
    logging.getLogger("seq2seq").propagate = True
    with caplog.at_level(logging.INFO):
        corpus = prepare(config.data)
        assert supervised_corpus(config, corpus, tmp_path / "three") is corpus
    assert "alignment_supervision=auto: off. alignment_supervision.layer: linformer" in caplog.text


def test_text_in_which_nothing_is_linked_is_refused(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(source: list[list[str]], *_: object, progress: object) -> list[AlignedPair]:
        return [AlignedPair({}, []) for _ in source]

    monkeypatch.setattr(text_links, "statistical_links", none)
    with pytest.raises(DataError, match="the statistical aligner found no link"):
        supervised(config, tmp_path)
    assert not folders(config)


def test_unusable_further_text_is_refused_before_training(
    config: RunConfig, tmp_path: Path
) -> None:
    supervision = config.alignment_supervision
    source, target = write_pairs(tmp_path, "extra", 3, seed=2)
    supervision.extra_source, supervision.extra_target = source, target
    assert extra_text_problems(config) == []
    supervision.kind = SupervisionKind.none
    supervision.extra_source = "gone"
    assert extra_text_problems(config) == []
    supervision.kind = SupervisionKind.statistical
    (problem,) = extra_text_problems(config)
    assert problem.startswith("alignment_supervision.extra_source: gone: no such file; give")
    supervision.extra_source = source
    Path(target).write_text("one\n")
    (problem,) = extra_text_problems(config)
    assert f"must have as many lines as {source}, 3, but {target} has 1; line n" in problem
    with pytest.raises(ConfigError, match="extra_target: must have as many lines"):
        start_run(config, tmp_path / "new", [])
    assert not (tmp_path / "new").exists()
