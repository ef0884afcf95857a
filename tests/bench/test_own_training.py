"""Our steps as the benchmark times and profiles them, and the roofline of a tiny model."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from seq2seq.bench import rates
from seq2seq.bench.own_training import StepsRequest, timed_training
from seq2seq.bench.profile import OUTSIDE, profiled_steps
from seq2seq.bench.roofline import NUM_BATCHES, measured_roofline, typical_batches
from seq2seq.bench.work import Group
from seq2seq.config.schema import RunConfig
from seq2seq.data.config import BatchConfig
from seq2seq.data.loader import TrainLoader
from seq2seq.data.prepare import prepare
from seq2seq.data.synthetic import GeneratedConfig
from seq2seq.model.config import DecoderConfig, EncoderConfig
from seq2seq.training.config import Accelerator


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    data = GeneratedConfig(
        num_train=200,
        num_validation=4,
        num_test=4,
        cache_dir=str(tmp_path_factory.mktemp("cache")),
        batch=BatchConfig(max_tokens=128),
    )
    run = RunConfig(data=data)
    run.model = replace(
        run.model,
        d_model=16,
        d_ff=32,
        dropout=0.1,
        encoder=EncoderConfig(num_layers=1),
        decoder=DecoderConfig(num_layers=1),
    )
    run.trainer = replace(
        run.trainer, num_threads=1, precision="32-true", accelerator=Accelerator.cpu
    )
    return run


@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_timed_steps_are_those_behind_the_warm_up(
    config: RunConfig, tmp_path: Path, accumulate: int
) -> None:
    run = replace(config, trainer=replace(config.trainer, accumulate=accumulate))
    figures = timed_training(StepsRequest(2, 3), run, tmp_path)
    corpus = prepare(config.data)
    loader = TrainLoader(corpus.train, config.data.batch, seed=config.seed)
    lengths = corpus.train.target_lengths()
    batches = loader.plan.epoch(config.seed, 0)[2 * accumulate : 5 * accumulate]
    assert figures["target_tokens"] == sum(int(lengths[batch.rows].sum()) for batch in batches)
    seconds = figures["seconds_per_step"] * 3
    assert figures["target_tokens_per_second"] == pytest.approx(figures["target_tokens"] / seconds)
    assert 0.5 < figures["padding_efficiency"] <= 1
    assert figures["peak_bytes"] > 1 << 24
    assert json.loads(json.dumps(figures)) == figures
    assert not (tmp_path / "checkpoints").exists() or not list((tmp_path / "checkpoints").iterdir())


def test_profiled_steps_have_every_part(config: RunConfig, tmp_path: Path) -> None:
    profiled = profiled_steps(StepsRequest(1, 2), config, tmp_path)
    groups = profiled["groups"]
    assert set(groups) == {*(group.value for group in Group), OUTSIDE}
    assert all(seconds > 0 for seconds in groups.values()), groups
    assert sum(groups.values()) == pytest.approx(profiled["seconds_per_step"], rel=0.2)
    assert profiled["slowest"]


def test_the_roofline_of_a_configuration(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "MEASURED_SECONDS", 0.0)
    roofline = measured_roofline(config)
    assert roofline["precision"] == "32-true"
    assert roofline["seconds_per_batch"] == pytest.approx(sum(roofline["groups"].values()))
    assert json.loads(json.dumps(roofline)) == roofline


def test_typical_batches_are_spread_over_the_lengths(config: RunConfig) -> None:
    corpus = prepare(config.data)
    batches = typical_batches(config, corpus.train)
    widths = [batch.target_width for batch in batches]
    assert len(batches) == NUM_BATCHES
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]
    for batch in batches:
        assert batch.target_tokens <= batch.rows * batch.target_width
        assert batch.source_tokens <= batch.rows * batch.source_width
