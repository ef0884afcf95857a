"""Links of two runs: how they are made and reused, and that a resumed run gets the same."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seq2seq.aligning import run_links
from seq2seq.aligning.check import supervising_run_problems
from seq2seq.aligning.choose import choose_alignment
from seq2seq.aligning.supervision import RECORD, supervised_corpus
from seq2seq.alignment.config import AlignmentConfig, Measure
from seq2seq.alignment.joint import bidirectional_links, joint_weights
from seq2seq.alignment.lexicon import Lexicon
from seq2seq.alignment.links import parse_links, read_pharaoh
from seq2seq.alignment.symmetrize import SymmetrizeMethod, symmetrize
from seq2seq.attention.catalogue import FullConfig, LinformerConfig
from seq2seq.bundle.model import load_model
from seq2seq.config.schema import RunConfig
from seq2seq.data.config import FilterConfig, TokenizerConfig
from seq2seq.data.corpora import FilesConfig, SplitFiles
from seq2seq.data.links import subword_links
from seq2seq.data.prepare import PreparedCorpus, prepare, training_text
from seq2seq.data.sources.pairs import Pairs
from seq2seq.errors import CheckpointError, ConfigError, DataError
from seq2seq.model.config import DecoderConfig, EncoderConfig, ModelConfig
from seq2seq.position.config import SinusoidalConfig
from seq2seq.run.start import start_run
from seq2seq.training.supervision_config import AlignmentSupervisionConfig, SupervisionKind
from tests.data.columns import as_lists
from tests.results.bundles import make_run, sentences, train_tokenizers

METHOD = SymmetrizeMethod.union


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two runs with random weights and different vocabularies."""
    folder = tmp_path_factory.mktemp("runs")
    tokenizers = [train_tokenizers(folder, seed=seed) for seed in (1, 2)]
    forward = make_run(folder / "forward", tokenizers[0], seed=1)
    reverse = make_run(
        folder / "reverse", tokenizers[1], seed=2, source_language="yy", target_language="xx"
    )
    return [str(forward), str(reverse)]


@pytest.fixture
def config(runs: list[str], tmp_path: Path) -> RunConfig:
    """A run with their supervision, on text of which some pairs are filtered out."""
    lines = sentences(40, seed=3), sentences(40, seed=4)
    lines[0][5], lines[1][9] = "", " ".join(["rain"] * 30)
    for name, side in zip(("source", "target"), lines, strict=True):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in side))
    return RunConfig(
        model=ModelConfig(
            d_model=16,
            num_heads=2,
            position=SinusoidalConfig(),
            encoder=EncoderConfig(1, FullConfig()),
            decoder=DecoderConfig(1, FullConfig(), FullConfig()),
        ),
        data=FilesConfig(
            source_language="xx",
            target_language="yy",
            train=SplitFiles(str(tmp_path / "source"), str(tmp_path / "target")),
            cache_dir=str(tmp_path / "cache"),
            max_source_length=20,
            max_target_length=20,
            tokenizer=TokenizerConfig(vocab_size=70),
            filters=FilterConfig(drop_duplicates=True),
        ),
        alignment_supervision=AlignmentSupervisionConfig(
            kind=SupervisionKind.runs, runs=runs, method=METHOD
        ),
    )


def directory(tmp_path: Path, name: str = "run") -> Path:
    (tmp_path / name).mkdir(exist_ok=True)
    return tmp_path / name


def rows(corpus: PreparedCorpus) -> list[list[int]]:
    assert corpus.train.links is not None
    return as_lists(corpus.train.links)


def text_of(config: RunConfig) -> tuple[PreparedCorpus, Pairs]:
    corpus = prepare(config.data)
    return corpus, training_text(config.data, corpus)


def folder_of_links(config: RunConfig) -> Path:
    (folder,) = (
        path for path in Path(config.data.cache_dir).glob("prepared/*-links-*") if path.is_dir()
    )
    return folder


def test_the_text_of_a_prepared_corpus_is_that_of_its_ids(config: RunConfig) -> None:
    config.data.limit_train = 30
    corpus, text = text_of(config)
    assert 20 < len(text) < 30
    assert corpus.tokenizers.source.encode_batch(text.source) == as_lists(corpus.train.source)
    assert corpus.tokenizers.target.encode_batch(text.target) == as_lists(corpus.train.target)
    (Path(config.data.cache_dir).parent / "source").write_text("".join(f"{n}\n" for n in range(40)))
    with pytest.raises(DataError, match="the training text has changed since it was prepared"):
        training_text(config.data, corpus)


def test_links_are_the_symmetrized_links_of_both_runs(
    config: RunConfig, runs: list[str], tmp_path: Path
) -> None:
    corpus, text = text_of(config)
    supervised = supervised_corpus(config, corpus, directory(tmp_path))
    models = [load_model(run) for run in runs]
    choices = choose_alignment(*map(Path, runs), text=text, measure=Measure.weights)
    for model, chosen in zip(models, choices, strict=True):
        model.alignment = chosen.choice.candidate.applied_to(AlignmentConfig())
    forward = models[0].score(text.source, text.target, alignments=True)
    reverse = models[1].score(text.target, text.source, alignments=True)
    weights = [
        joint_weights(ours.alignment.word_weights, theirs.alignment.word_weights)
        for ours, theirs in zip(forward, reverse, strict=True)
        if ours.alignment and theirs.alignment
    ]
    sides = [[line.split() for line in side] for side in (text.source, text.target)]
    lexicon = Lexicon.learn(weights, *sides, progress=lambda count: None)
    expected = [
        symmetrize(*bidirectional_links(table, lexicon.association(source, target)), METHOD)
        for table, source, target in zip(weights, *sides, strict=True)
    ]
    words = (folder_of_links(config) / "links.pharaoh").read_text().splitlines()
    assert list(map(parse_links, words)) == expected
    assert sum(map(len, expected)) > 100
    pairs = replace(text, links=words)
    column = subword_links(pairs, np.arange(len(text)), corpus.tokenizers)
    assert rows(supervised) == [column.row(number).tolist() for number in range(len(column))]
    assert as_lists(supervised.train.source) == as_lists(corpus.train.source)
    assert corpus.train.links is None


def test_links_are_reused_by_the_next_run(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = supervised_corpus(config, prepare(config.data), directory(tmp_path, "one"))
    monkeypatch.setattr(run_links, "load_model", None)
    second = supervised_corpus(config, prepare(config.data), directory(tmp_path, "two"))
    assert rows(first) == rows(second)
    assert (tmp_path / "one" / RECORD).read_text() == (tmp_path / "two" / RECORD).read_text()


def test_damaged_links_are_made_again(config: RunConfig, tmp_path: Path) -> None:
    first = rows(supervised_corpus(config, prepare(config.data), directory(tmp_path)))
    (folder_of_links(config) / "links.arrow").write_bytes(b"torn")
    assert rows(supervised_corpus(config, prepare(config.data), directory(tmp_path))) == first


def test_a_resumed_run_needs_the_links_and_not_the_runs(config: RunConfig, tmp_path: Path) -> None:
    copies = [
        str(shutil.copytree(run, tmp_path / Path(run).name))
        for run in config.alignment_supervision.runs
    ]
    config.alignment_supervision.runs = copies
    run_folder = directory(tmp_path)
    first = rows(supervised_corpus(config, prepare(config.data), run_folder))
    shutil.rmtree(copies[0])
    assert rows(supervised_corpus(config, prepare(config.data), run_folder)) == first
    shutil.copytree(copies[1], copies[0])  # another model in the same place
    assert rows(supervised_corpus(config, prepare(config.data), run_folder)) == first
    shutil.rmtree(folder_of_links(config))
    with pytest.raises(
        CheckpointError,
        match="the runs in alignment_supervision.runs have changed; bring that folder back",
    ):
        supervised_corpus(config, prepare(config.data), run_folder)


def test_links_that_differ_from_the_recorded_ones_are_refused(
    config: RunConfig, tmp_path: Path
) -> None:
    run_folder = directory(tmp_path)
    supervised_corpus(config, prepare(config.data), run_folder)
    record = run_folder / RECORD
    record.write_text(record.read_text().replace('"sha256": "', '"sha256": "0'))
    with pytest.raises(
        CheckpointError, match="aligning again gave other links here; bring that folder back"
    ):
        supervised_corpus(config, prepare(config.data), run_folder)


def test_links_of_the_runs_replace_those_of_the_corpus(config: RunConfig, tmp_path: Path) -> None:
    assert isinstance(config.data, FilesConfig)
    (tmp_path / "links").write_text("\n" * 40)
    config.data.train.links = str(tmp_path / "links")
    supervised = supervised_corpus(config, prepare(config.data), directory(tmp_path))
    assert sum(map(len, rows(supervised))) > 100
    config.alignment_supervision = AlignmentSupervisionConfig(kind=SupervisionKind.links)
    with pytest.raises(DataError, match="the training pairs have no links"):
        supervised_corpus(config, prepare(config.data), directory(tmp_path))
    config.alignment_supervision = AlignmentSupervisionConfig()
    plain = prepare(config.data)
    assert supervised_corpus(config, plain, directory(tmp_path)) is plain


def test_the_links_that_are_written_can_be_trained_on(config: RunConfig, tmp_path: Path) -> None:
    supervised_corpus(config, prepare(config.data), directory(tmp_path))
    assert len(read_pharaoh(folder_of_links(config) / "links.pharaoh")) == len(
        prepare(config.data).train
    )


def test_a_run_without_weights_in_its_configured_layer_supervises_by_another(
    config: RunConfig, runs: list[str], tmp_path: Path
) -> None:
    """The configured layer is the last, which has none; one with weights is chosen."""
    layers = [FullConfig(), LinformerConfig()]
    config.alignment_supervision.runs = [
        str(make_run(tmp_path / "f", train_tokenizers(tmp_path), layer_cross=layers)),
        runs[1],
    ]
    assert supervising_run_problems(config) == []
    assert (
        sum(map(len, rows(supervised_corpus(config, prepare(config.data), directory(tmp_path)))))
        > 100
    )


def test_unusable_runs_are_refused_before_training(
    config: RunConfig, runs: list[str], tmp_path: Path
) -> None:
    def problems(*folders: str) -> str:
        config.alignment_supervision.runs = list(folders)
        return "\n".join(supervising_run_problems(config))

    tokenizers = train_tokenizers(tmp_path)
    mute = str(make_run(tmp_path / "mute", tokenizers, cross=LinformerConfig()))
    assert not problems(*runs)
    assert "there is no folder gone; give" in problems("gone", runs[1])
    assert f"{runs[0]} translates xx to yy, so it cannot be REVERSE" in problems(runs[1], runs[0])
    assert (
        "in every layer its linformer has no weight per key position; give a run with another"
        in problems(mute, runs[1])
    )
    config.data.reverse = True
    assert f"{runs[0]} translates xx to yy, so it cannot be FORWARD" in problems(runs[0], runs[1])
    with pytest.raises(ConfigError, match="so it cannot be FORWARD"):
        start_run(config, tmp_path / "new", [])
    assert not (tmp_path / "new").exists()
