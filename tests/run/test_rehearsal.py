"""What the end of a run needs is tried before its first step."""

import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.attention.catalogue import LinformerConfig
from seq2seq.attention.config import AttentionConfig
from seq2seq.config.schema import RunConfig
from seq2seq.data.column import Column
from seq2seq.data.encoded import EncodedPairs
from seq2seq.data.prepare import PreparedCorpus, Split
from seq2seq.data.sources.base import Pairs
from seq2seq.data.synthetic import GeneratedConfig
from seq2seq.decoding.config import DecodingConfig
from seq2seq.errors import ConfigError, DataError, UserError
from seq2seq.folder.directory import RunDirectory
from seq2seq.metrics.base import METRICS
from seq2seq.run.rehearsal import ensure_validated, rehearse_end, room_to_train
from seq2seq.training.config import LOSS, Export, TrainerConfig
from tests.training.tiny import tiny_corpus, tiny_model

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> PreparedCorpus:
    return tiny_corpus(tmp_path_factory.mktemp("cache"), num_test=5)


def rehearse(
    corpus: PreparedCorpus, folder: Path, cross: AttentionConfig | None = None, **options: Any
) -> None:
    config = RunConfig(data=GeneratedConfig(), **options)
    model = tiny_model(cross, vocab_size=corpus.tokenizers.target.vocab_size)
    rehearse_end(config, RunDirectory(folder), corpus, model)
    assert model.training


def test_it_leaves_random_numbers_as_they_are(tmp_path: Path, corpus: PreparedCorpus) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    tiny_model(vocab_size=corpus.tokenizers.target.vocab_size)
    after_model = torch.get_rng_state()
    torch.set_rng_state(before)
    rehearse(corpus, tmp_path)
    assert torch.equal(torch.get_rng_state(), after_model)


OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "a minimum length": ({"decoding": DecodingConfig(min_length=40)}, "min_length"),
    "one of the longest sentence": ({"decoding": DecodingConfig(min_length_ratio=5)}, "min_length"),
    "a layer": ({"alignment": AlignmentConfig(layer=7)}, "alignment.layer"),
    "alignments of a model that has none": (
        {"alignment": AlignmentConfig(enabled=True), "cross": LinformerConfig()},
        "no weight per key position",
    ),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_that_would_stop_the_evaluation(
    tmp_path: Path, corpus: PreparedCorpus, name: str
) -> None:
    options, message = OPTIONS[name]
    with pytest.raises(UserError, match=message):
        rehearse(corpus, tmp_path, **options)
    rehearse(corpus, tmp_path, **options, trainer=TrainerConfig(evaluate=False))


def test_a_folder_that_the_evaluation_would_not_replace(
    tmp_path: Path, corpus: PreparedCorpus
) -> None:
    notes = tmp_path / "evaluation" / "test" / "notes.txt"
    notes.parent.mkdir(parents=True)
    notes.touch()
    with pytest.raises(UserError, match=r"holds notes.txt, which no evaluation wrote"):
        rehearse(corpus, tmp_path)
    assert notes.exists()


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_metric_that_cannot_score_a_split(
    tmp_path: Path, corpus: PreparedCorpus, split: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    references = getattr(corpus, split).pairs.target

    def statistics(self: object, hypotheses: list[str], lines: list[str]) -> None:
        if lines == references[:2]:
            raise DataError("these references have no words")

    metric = {"validation": "ter", "test": "chrf"}[split]
    monkeypatch.setattr(METRICS[metric], "statistics", statistics)
    with pytest.raises(DataError, match="no words"):
        rehearse(corpus, tmp_path, metrics=["chrf"], trainer=TrainerConfig(metric="ter"))


@pytest.mark.parametrize("free", [0, -1])
def test_room_for_checkpoints_and_bundle(
    tmp_path: Path, corpus: PreparedCorpus, free: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What earlier processes wrote counts as room."""
    config = TrainerConfig(evaluate=False, metric=LOSS, average_last=3)
    model = tiny_model(vocab_size=corpus.tokenizers.target.vocab_size)
    size = sum(x.nbytes for x in model.state_dict().values())
    directory = RunDirectory(tmp_path)
    assert room_to_train(config, directory, model) == (5 * 3 + 1) * size
    directory.checkpoints.mkdir()
    (directory.checkpoints / "step-00000001.ckpt").write_bytes(bytes(3 * size))
    needed = room_to_train(config, directory, model)
    assert needed == (4 * 3 + 1) * size
    usage = namedtuple("usage", "free")(needed + free)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    if free == 0:
        rehearse(corpus, tmp_path, trainer=config)
    else:
        with pytest.raises(UserError, match="are needed, and"):
            rehearse(corpus, tmp_path, trainer=config)


@pytest.mark.parametrize("option", [{"export": Export.best}, {"patience": 3}])
def test_options_that_need_validation_pairs_are_refused_without_them(
    tmp_path: Path, option: dict[str, Any]
) -> None:
    config = RunConfig(data=GeneratedConfig(), trainer=TrainerConfig(**option))
    corpus = tiny_corpus(tmp_path)
    ensure_validated(config, corpus)
    corpus = replace(corpus, validation=Split(Pairs(), EncodedPairs(Column.of([]), Column.of([]))))
    with pytest.raises(ConfigError, match=f"trainer.{next(iter(option))}: needs validation pairs"):
        ensure_validated(config, corpus)
    ensure_validated(RunConfig(data=GeneratedConfig()), corpus)
