"""A run that has begun needs nothing of another run, and one that never began holds nothing."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from seq2seq.config.schema import RunConfig
from seq2seq.data.config import TokenizerConfig
from seq2seq.errors import ConfigError, DataError, UserError
from seq2seq.folder.directory import FILES_OF_RUN, INITIAL, RunDirectory
from seq2seq.folder.record import read_record
from seq2seq.run.resume import resume_run
from seq2seq.run.start import start_run
from seq2seq.training.supervision_config import AlignmentSupervisionConfig, SupervisionKind
from tests.results.bundles import make_run, train_tokenizers
from tests.run.begun import Begun, begin, tiny_config

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def others(tmp_path: Path) -> Path:
    """A folder of two finished runs, `forward` and `reverse`."""
    folder = tmp_path / "others"
    folder.mkdir()
    tokenizers = train_tokenizers(folder)
    make_run(folder / "forward", tokenizers)
    make_run(folder / "reverse", tokenizers, source_language="yy", target_language="xx")
    return folder


def from_weights(config: RunConfig, others: Path) -> RunConfig:
    from seq2seq.bundle.locate import saved_config

    model = saved_config(others / "forward").model
    lengths = {"max_source_length": 16, "max_target_length": 16, "tokenizer": TokenizerConfig()}
    data = replace(config.data, **lengths)  # type: ignore[arg-type]
    return replace(config, model=model, data=data, init_from=str(others / "forward"))


def with_supervision(config: RunConfig, others: Path) -> RunConfig:
    runs = [str(others / "forward"), str(others / "reverse")]
    supervision = AlignmentSupervisionConfig(kind=SupervisionKind.runs, runs=runs)
    return replace(config, alignment_supervision=supervision)


def with_tokenizer(config: RunConfig, others: Path) -> RunConfig:
    model = shutil.copy(others / "forward/model/tokenizer/joint.model", others / "joint.model")
    data = replace(config.data, tokenizer=TokenizerConfig(source_model=str(model)))
    return replace(config, data=data)


@pytest.mark.parametrize(
    ("setting", "checkpoints"),
    [
        (from_weights, False),
        pytest.param(from_weights, True, marks=pytest.mark.slow),
        (with_supervision, True),
        pytest.param(with_supervision, False, marks=pytest.mark.slow),
    ],
)
def test_the_other_run_may_be_gone(
    tmp_path: Path,
    others: Path,
    setting: Callable[[RunConfig, Path], RunConfig],
    checkpoints: bool,
) -> None:
    (tmp_path / "began").mkdir()
    begun = begin(tmp_path / "began", setting(tiny_config(tmp_path / "began"), others))
    expected = (begun.run / "model" / "model.safetensors").read_bytes()
    shutil.rmtree(others)
    moved = Begun(begun.path.rename(tmp_path / "moved"))
    shutil.rmtree(moved.run / "model")
    if not checkpoints:
        shutil.rmtree(moved.run / "checkpoints")
    RunDirectory(moved.run).set_status("stopped")
    resume_run(moved.run, moved.places())
    assert (moved.run / "model" / "model.safetensors").read_bytes() == expected


def test_base_weights_may_move_and_not_change(tmp_path: Path, others: Path) -> None:
    begun = begin(tmp_path, from_weights(tiny_config(tmp_path), others))
    record = read_record(begun.run)
    assert record is not None
    assert record.options["init_from"] == str(others / "forward")
    moved = (others / "forward").rename(others / "moved")
    resume_run(begun.run, [f"init_from={moved}", "trainer.max_steps=3"])
    assert begun.status()["step"] == 3
    other = make_run(others / "other", train_tokenizers(others), seed=5)
    with pytest.raises(ConfigError, match=r"initial weights: was SHA-256.*\[base_weights\]"):
        resume_run(begun.run, [f"init_from={other}", "trainer.max_steps=4"])
    with pytest.raises(UserError, match="init_from: .*gone is no finished run and no bundle"):
        resume_run(begun.run, [f"init_from={others / 'gone'}", "trainer.max_steps=4"])
    kept = (begun.run / INITIAL / "model.safetensors").read_bytes()
    assert kept == (moved / "model" / "model.safetensors").read_bytes()


def test_a_tokenizer_may_move_and_not_change(tmp_path: Path, others: Path) -> None:
    begun = begin(tmp_path, with_tokenizer(tiny_config(tmp_path), others))
    moved = (others / "joint.model").rename(others / "moved.model")
    with pytest.raises(ConfigError, match="add its new place, data.tokenizer.source_model=PATH"):
        resume_run(begun.run, ["trainer.max_steps=3"])
    resume_run(begun.run, [f"data.tokenizer.source_model={moved}", "trainer.max_steps=3"])
    train_tokenizers(others, seed=9)
    with pytest.raises(ConfigError, match="source tokenizer: was SHA-256"):
        resume_run(
            begun.run,
            [f"data.tokenizer.source_model={others / '9.model'}", "trainer.max_steps=4"],
        )


def test_a_run_that_was_refused_does_not_hold_its_folder(tmp_path: Path) -> None:
    config = tiny_config(tmp_path)
    tokenizer = replace(config.data.tokenizer, vocab_size=5000)
    with pytest.raises(DataError):
        start_run(
            replace(config, data=replace(config.data, tokenizer=tokenizer)), tmp_path / "run", []
        )
    directory = RunDirectory(tmp_path / "run")
    assert directory.status()["state"] == "failed"
    begun = begin(tmp_path, config)
    assert begun.status()["state"] == "finished"
    assert "message" not in begun.status()
    before = {path: path.read_bytes() for path in begun.run.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match="already holds a run; continue it with resume="):
        start_run(config, tmp_path / "run", [])
    lock = begun.run / "run.lock"
    after = {path: path.read_bytes() for path in begun.run.rglob("*") if path.is_file()}
    assert {**after, lock: b""} == {**before, lock: b""}


def test_a_run_of_an_earlier_version_holds_its_folder(tmp_path: Path) -> None:
    config = tiny_config(tmp_path)
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.yaml").write_text("name: train\n", encoding="utf-8")
    with pytest.raises(UserError, match="already holds a run"):
        start_run(config, folder, [])
    (folder / "run.json").write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match="already holds a run"):
        start_run(config, folder, [])
    assert (folder / "config.yaml").read_text(encoding="utf-8") == "name: train\n"


@pytest.mark.parametrize("name", FILES_OF_RUN)
def test_what_no_run_wrote_is_not_replaced(tmp_path: Path, name: str) -> None:
    """Files and folders under the names of a run's."""
    for folder in (True, False):
        run = tmp_path / f"run-{folder}"
        mine = run / name / "diary" if folder else run / name
        mine.parent.mkdir(parents=True)
        mine.write_text("mine", encoding="utf-8")
        with pytest.raises(UserError, match="holds .*|cannot be used|not a folder|already holds"):
            start_run(tiny_config(tmp_path), run, [])
        assert mine.read_text(encoding="utf-8") == "mine"
        files = {path for path in run.rglob("*") if path.is_file()}
        assert files - {run / "run.lock"} == {mine} - {run / "run.lock"}
