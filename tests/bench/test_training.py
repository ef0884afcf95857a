"""The benchmark of training: what contestants get, refusals, figures of logs, the plain model."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from seq2seq.attention.catalogue import FullConfig, LocalConfig
from seq2seq.bench import training
from seq2seq.bench.peers import catalogue, toolkit_configs
from seq2seq.bench.peers.catalogue import PEERS, chosen_peers
from seq2seq.bench.peers.loop import endless, length_sorted, timed_steps
from seq2seq.bench.peers.plain import plain_model
from seq2seq.bench.peers.toolkit_logs import eole_reports, figures_of, joeynmt_reports
from seq2seq.bench.process import MeasurementError
from seq2seq.bench.training import TrainingBench, ensure_measurable
from seq2seq.bench.workload import Workload, plain_problems, write_rows
from seq2seq.config.schema import RunConfig
from seq2seq.data.augmentation_config import AugmentationConfig
from seq2seq.data.batch_config import BatchConfig
from seq2seq.errors import ConfigError, MissingDependencyError
from seq2seq.model.config import DecoderConfig, EncoderConfig, NormPlacement
from seq2seq.training.config import Export
from seq2seq.training.optimizer_config import Matrices

WORKLOAD = Workload(
    corpus="corpus",
    vocab_size=30,
    d_model=16,
    d_ff=32,
    heads=2,
    encoder_layers=1,
    decoder_layers=2,
    dropout=0.1,
    label_smoothing=0.1,
    learning_rate=1e-3,
    max_tokens=40,
    max_length=12,
    warmup=10,
    steps=20,
    threads=1,
    seed=1,
)
ROWS = [[5, 6, 7], [8] * 9, [4], [9, 10], [11] * 5, [12, 13, 14, 15]]


def request(folder: Path, **changes: Any) -> dict[str, Any]:
    """What a process of a peer reads."""
    path = folder / "request.json"
    replace(WORKLOAD, corpus=str(folder), **changes).save(path)
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_batches_hold_every_pair_once_within_the_budget(tmp_path: Path) -> None:
    source, target = ROWS, ROWS[::-1]
    batches = length_sorted(source, target, 24)
    assert sorted(row for rows in batches for row in rows) == list(range(len(ROWS)))
    for rows in batches:
        widest = max(len(side[row]) + 1 for side in (source, target) for row in rows)
        assert len(rows) == 1 or len(rows) * widest <= 24
    assert len(batches) < len(ROWS)


def test_batches_are_framed_and_padded(tmp_path: Path) -> None:
    stream = endless([[5, 6], [7]], [[8], [9, 10]], request(tmp_path))
    source, inputs, labels = next(stream)
    by_source = {row[0]: number for number, row in enumerate(source.tolist())}
    first, second = by_source[5], by_source[7]
    assert source[[first, second]].tolist() == [[5, 6, 3], [7, 3, 1]]
    assert inputs[[first, second]].tolist() == [[2, 8, 1], [2, 9, 10]]
    assert labels[[first, second]].tolist() == [[8, 3, 1], [9, 10, 3]]


@pytest.mark.parametrize("bf16", [False, True])
def test_the_plain_loop_learns_and_counts_real_tokens(tmp_path: Path, bf16: bool) -> None:
    write_rows(tmp_path / "train.source", ROWS)
    write_rows(tmp_path / "train.target", ROWS)
    content = request(tmp_path, bf16=bf16, max_tokens=60, warmup=3, steps=6, learning_rate=0.02)
    torch.manual_seed(1)
    figures = timed_steps(plain_model(content), content)
    in_epoch = sum(len(row) + 1 for row in ROWS)
    assert len(length_sorted(ROWS, ROWS, 60)) == 1
    assert figures["target_tokens"] == 6 * in_epoch
    assert figures["target_tokens_per_second"] * figures["seconds_per_step"] * 6 == pytest.approx(
        figures["target_tokens"]
    )
    assert np.isfinite(figures["last_loss"])


def test_the_plain_model_reads_neither_padding_nor_the_future(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = plain_model(request(tmp_path)).eval()
    source, inputs = torch.tensor([[5, 6, 3]]), torch.tensor([[2, 8, 9]])
    logits = model(source, inputs)
    padded = model(torch.tensor([[5, 6, 3, 1]]), torch.tensor([[2, 8, 9, 1]]))
    torch.testing.assert_close(padded[:, :3], logits)
    other = model(source, torch.tensor([[2, 8, 20]]))
    torch.testing.assert_close(other[:, :2], logits[:, :2])
    assert not torch.allclose(other[:, 2], logits[:, 2])


def test_the_plain_model_has_the_parameters_of_ours(tmp_path: Path) -> None:
    from seq2seq.model.frontend import VocabularySpec
    from seq2seq.model.transformer import build_transformer

    config = replace(
        RunConfig().model,
        d_model=16,
        num_heads=2,
        d_ff=32,
        encoder=EncoderConfig(num_layers=1),
        decoder=DecoderConfig(num_layers=2),
    )
    ours = build_transformer(config, source=VocabularySpec(30), target_vocab_size=30)
    plain = plain_model(request(tmp_path))
    assert sum(x.numel() for x in plain.parameters()) == ours.num_parameters()


JOEYNMT = (
    "2026-11-27 19:00:00,000 - INFO - joeynmt.training - Epoch   1, Step:       {step}, "
    "Batch Loss:     5.43, Batch Acc: 0.04, Tokens per Sec:     {speed}, Lr: 0.000300"
)
EOLE = (
    "[2026-11-27 19:00:00,000 INFO] Step {step}/   30; acc: 10.1; ppl: 900.00; xent: 6.80; "
    "aux: 0.000; lr: 1.00e-04; sents:     2000; bsz: 3500/3300/200; 4000/{speed} tok/s;      "
    "12 sec;"
)


@pytest.mark.parametrize(("line", "reports"), [(JOEYNMT, joeynmt_reports), (EOLE, eole_reports)])
def test_the_speed_of_a_toolkit_is_that_behind_the_warm_up(line: str, reports: Any) -> None:
    steps = [(100.0, 10, 50), (102.0, 20, 1000), (106.0, 30, 2500)]
    lines = [(0.0, "loading"), *((at, line.format(step=n, speed=v)) for at, n, v in steps)]
    figures = figures_of(reports(lines), WORKLOAD)
    assert figures["target_tokens"] == 2 * 1000 + 4 * 2500
    assert figures["target_tokens_per_second"] == pytest.approx(12_000 / 6)
    assert figures["seconds_per_step"] == pytest.approx(6 / 20)
    with pytest.raises(MeasurementError, match=r"logged the steps \[10, 20\], not from 10 to 30"):
        figures_of(reports(lines[:-1]), WORKLOAD)


@pytest.mark.parametrize("toolkit", [toolkit_configs.joeynmt, toolkit_configs.eole])
def test_configurations_hold_the_sizes_and_the_files(tmp_path: Path, toolkit: Any) -> None:
    text = toolkit(WORKLOAD, tmp_path)
    config = yaml.safe_load(text)
    assert str(tmp_path / "model") in text
    assert config["training"]["batch_size"] == 40
    layers = [config["model"][stack] for stack in ("encoder", "decoder")]
    assert [stack.get("num_layers", stack.get("layers")) for stack in layers] == [1, 2]


@pytest.fixture
def bench(tmp_path: Path) -> TrainingBench:
    return TrainingBench(["plain"], tmp_path, rounds=1, warmup=10, steps=10)


def test_a_peer_that_is_not_installed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'joey' is unknown; did you mean joeynmt"):
        chosen_peers(["joey"], tmp_path)
    for name in ("marian", "joeynmt", "eole"):
        with pytest.raises(MissingDependencyError, match=f"{name} is not installed.*bench-peers"):
            chosen_peers(["plain", name], tmp_path)
    (tmp_path / "eole").mkdir()
    with pytest.raises(MissingDependencyError, match="eole is not installed"):
        chosen_peers(["eole"], tmp_path)
    (tmp_path / "eole" / catalogue.READY_MARK).touch()
    assert list(chosen_peers(["plain_bf16", "eole", "eole"], tmp_path)) == ["plain_bf16", "eole"]


@pytest.mark.parametrize(
    ("warmup", "steps", "message"),
    [
        (15, 10, "--warmup: must be a multiple of 10, .*not 15; choose 10"),
        (10, 0, "--steps: must be a multiple of 10, .*not 0; choose 10"),
    ],
)
def test_steps_are_tens(bench: TrainingBench, warmup: int, steps: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ensure_measurable(replace(bench, warmup=warmup, steps=steps), RunConfig())


def plain_run() -> RunConfig:
    config = RunConfig()
    config.model = replace(config.model, d_ff=256, dropout=0.3, encoder=EncoderConfig(num_layers=5))
    config.optimizer.matrices = Matrices.adamw
    return config


def test_sizes_make_no_training_other_than_plain() -> None:
    assert list(plain_problems(plain_run())) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("model.norm", NormPlacement.post),
        ("model.encoder", EncoderConfig(self_attention=LocalConfig())),
        ("model.decoder", DecoderConfig(cross_attention=FullConfig(dropout=0.1))),
        ("data.augmentation", AugmentationConfig(concatenate=3)),
        ("data.source_kind", "features"),
        ("data.batch", BatchConfig(later_steps=[10], later_max_tokens=[5000])),
        ("optimizer.matrices", Matrices.muon),
        ("trainer.export", Export.ema),
        ("batch_transforms", ["x"]),
        ("auxiliary_losses", ["x"]),
    ],
)
def test_what_peers_cannot_express_is_named(path: str, value: Any) -> None:
    config = plain_run()
    section, _, name = path.rpartition(".")
    owner = getattr(config, section) if section else config
    setattr(owner, name, value)
    problems = list(plain_problems(config))
    assert problems
    assert all(problem.startswith(path) for problem in problems)


def test_a_configuration_that_peers_cannot_train_is_refused(bench: TrainingBench) -> None:
    config = plain_run()
    config.model.norm = NormPlacement.post
    config.trainer.accumulate = 2
    with pytest.raises(ConfigError) as caught:
        ensure_measurable(bench, config)
    assert "model.norm: differs from a plain Transformer" in str(caught.value)
    assert "trainer.accumulate: peers take one batch a step" in str(caught.value)
    ensure_measurable(replace(bench, peers=[]), config)


def test_every_peer_starts_with_the_threads_of_the_workload(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], *, environment: dict[str, str], **options: Any) -> Any:
        assert environment == {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        commands.append(command)
        raise MeasurementError("enough")

    monkeypatch.setattr(catalogue, "run_process", run)
    for name, peer in PEERS.items():
        with pytest.raises(MeasurementError, match="enough"):
            peer.contestant(name, tmp_path, WORKLOAD).measure()
    started = [Path(command[0]).relative_to(tmp_path) for command in commands[2:]]
    assert [path.parts[0] for path in started] == ["marian", "joeynmt", "eole"]
    assert commands[0][0] == training.sys.executable
