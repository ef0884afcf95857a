"""Checks before a run starts."""

import pytest

from seq2seq.config.schema import RunConfig
from seq2seq.data.corpora import FilesConfig, SplitFiles
from seq2seq.data.synthetic import GeneratedConfig
from seq2seq.errors import ConfigError
from seq2seq.run.start import check_run
from seq2seq.training import hardware
from seq2seq.training.config import Accelerator, TrainerConfig


@pytest.fixture
def config() -> RunConfig:
    return RunConfig(data=GeneratedConfig())


@pytest.fixture
def without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "num_devices", {"cpu": 8, "cuda": 0, "mps": 0}.__getitem__)


@pytest.mark.usefixtures("without_gpu")
def test_hardware_is_checked_with_everything_else_before_data_is_read(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(*_: object) -> None:
        raise AssertionError("data are read")

    monkeypatch.setattr("seq2seq.data.prepare.prepare", prepare)
    check_run(config)
    config.trainer = TrainerConfig(accelerator=Accelerator.gpu)
    config.model.d_model = 0
    config.data = FilesConfig(
        source_language="a", target_language="b", train=SplitFiles("no.a", "no.b")
    )
    with pytest.raises(ConfigError) as error:
        check_run(config, ["init_from: further"])
    options = {problem.partition(":")[0] for problem in error.value.problems}
    assert {"trainer.accelerator", "model.d_model", "data.train.source", "init_from"} <= options


@pytest.mark.usefixtures("without_gpu")
def test_hardware_is_not_asked_for_what_makes_no_sense(config: RunConfig) -> None:
    config.trainer = TrainerConfig(accelerator=Accelerator.gpu, devices="many")
    with pytest.raises(ConfigError, match="many") as error:
        check_run(config)
    assert len(error.value.problems) == 1
