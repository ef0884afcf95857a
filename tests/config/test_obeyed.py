"""Options whose effect no file of a run shows: they are obeyed all the same."""

import copy
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra

from seq2seq.attention.config import MECHANISMS
from seq2seq.config.groups import CONF, group_options
from seq2seq.config.schema import EvaluateConfig, RunConfig
from seq2seq.config.store import prepare_command, register_schemas
from seq2seq.data.batching import batch_by_cost
from seq2seq.data.corpora import FilesConfig, HubConfig, SplitFiles
from seq2seq.data.sources.base import check, load_raw, reader_of
from seq2seq.data.sources.pairs import Pairs
from seq2seq.data.synthetic import GeneratedConfig
from seq2seq.decoding.config import DecodingConfig
from seq2seq.errors import CheckpointError
from seq2seq.evaluation.translate import Translator
from seq2seq.folder.directory import RunDirectory
from seq2seq.progress import ProgressReport
from seq2seq.results import start_evaluate
from seq2seq.run.fit import set_up_process
from seq2seq.training.config import Strategy
from tests.evaluation.test_translate import model_for
from tests.results.bundles import train_tokenizers
from tests.run.test_trainer import trainer_of


@pytest.mark.parametrize("name", ["train", "mine"])
def test_the_name_is_that_of_a_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    register_schemas()
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        config = compose("train", overrides=[f"name={name}"], return_hydra_config=True)
    assert config.hydra.run.dir.startswith(f"outputs/{name}/")
    assert config.hydra.sweep.dir == f"outputs/{name}/sweep"  # without a time, so that it goes on


def test_modules_add_options_to_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "mine.py"
    module.write_text(
        "from dataclasses import dataclass\n"
        "from seq2seq.attention.catalogue import LocalConfig\n"
        "from seq2seq.attention.config import MECHANISMS\n"
        "@MECHANISMS.register\n@dataclass\nclass MineConfig(LocalConfig):\n    name: str = 'mine'\n"
    )
    monkeypatch.setattr("sys.argv", ["train.py"])
    store = ConfigStore.instance()
    monkeypatch.setattr(store, "repo", copy.deepcopy(store.repo))  # other tests see no "mine"
    assert "mine" not in group_options("encoder_attention")
    try:
        prepare_command([f"imports=[{module}]"])
        assert "mine" in group_options("encoder_attention")
        assert "mine" not in group_options("cross_attention")
    finally:
        MECHANISMS.remove("mine")


def test_sources_of_another_kind_are_refused_by_a_corpus_of_text() -> None:
    (problem,) = check(GeneratedConfig(source_kind="features"))
    assert problem.startswith("data.source_kind: ")
    (problem,) = check(GeneratedConfig(source_kind="frames"))
    assert problem.startswith("data.source_kind: ")


@pytest.mark.parametrize("machines", [1, 2])
def test_several_machines(tmp_path: Path, machines: int) -> None:
    trainer = trainer_of(tmp_path, num_nodes=machines, strategy=Strategy.ddp)
    assert trainer.num_nodes == trainer.world_size == machines


@pytest.fixture
def threads() -> Iterator[int]:
    number = torch.get_num_threads()
    yield number
    torch.set_num_threads(number)


@pytest.mark.parametrize("option", [0, 3])
def test_threads(tmp_path: Path, threads: int, option: int) -> None:
    config = RunConfig()
    config.trainer.num_threads = option
    set_up_process(config, RunDirectory(tmp_path))
    assert torch.get_num_threads() == option or threads


@pytest.mark.parametrize(("seconds", "lines"), [(0, 3), (1e6, 0)])
def test_seconds_between_lines_of_progress(
    caplog: pytest.LogCaptureFixture, seconds: float, lines: int
) -> None:
    with (
        caplog.at_level(logging.INFO, "seq2seq"),
        ProgressReport("work", 3, every=seconds) as report,
    ):
        for _ in range(3):
            report.advance(1)
    assert len(caplog.records) == lines


def test_the_newest_run_of_a_folder_is_evaluated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        run = RunDirectory(tmp_path / name / "run")
        run.bundle.mkdir(parents=True)
        run.set_status("finished")
        assert start_evaluate.newest_finished(tmp_path / name) == run.path
    (tmp_path / "none").mkdir()
    with pytest.raises(CheckpointError, match="none"):
        start_evaluate.start_evaluation(EvaluateConfig(outputs=str(tmp_path / "none")))


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_files_of_a_split(tmp_path: Path, split: str) -> None:
    def write(name: str, text: str) -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    plain = SplitFiles(write("s", "a b\n"), write("t", "c\n"), links=write("l", "0-0\n"))
    both = SplitFiles(path=write("both.tsv", "x\ty\n"))
    config = FilesConfig(train=SplitFiles(write("train.s", "1\n"), write("train.t", "2\n")))
    expected: list[tuple[SplitFiles, Pairs]] = [
        (plain, Pairs(["a b"], ["c"], ["0-0"])),
        (both, Pairs(["x"], ["y"])),
    ]
    for files, pairs in expected:
        assert getattr(load_raw(replace(config, **{split: files})), split) == pairs


HUB = HubConfig(path="set", source_language="en", target_language="de")


@pytest.mark.parametrize(
    "option", ["path", "subset", "revision", "train", "validation", "test", "translation_column"]
)
def test_a_corpus_of_the_hub_is_known_by_its_options(option: str) -> None:
    """Its identity decides whether a corpus is prepared anew."""
    changed = replace(HUB, **{option: "other"})  # type: ignore[arg-type]
    assert reader_of(changed).identity() != reader_of(HUB).identity()


@pytest.mark.parametrize(("tokens", "sizes"), [(1, [1, 1, 1]), (10_000, [3])])
def test_tokens_in_a_batch_of_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokens: int, sizes: list[int]
) -> None:
    """They change no translation, as `tests/evaluation` shows."""
    tokenizers = train_tokenizers(tmp_path)
    batches: list[list[int]] = []

    def recorded(
        rows: Sequence[int], costs: Sequence[int], budget: int, *, max_rows: int, equal_costs: bool
    ) -> list[list[int]]:
        batches.extend(
            batch_by_cost(rows, costs, budget, max_rows=max_rows, equal_costs=equal_costs)
        )
        return batches

    monkeypatch.setattr("seq2seq.evaluation.batches.batch_by_cost", recorded)
    config = DecodingConfig(batch_tokens=tokens)
    translator = Translator([model_for(tokenizers)], tokenizers, config)
    assert len(list(translator.translate(["dog", "rain", "field"]))) == 3
    assert [len(batch) for batch in batches] == sizes
