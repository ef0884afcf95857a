"""`seq2seq bench train`: what it refuses, and what it prints of one round."""

import json
from pathlib import Path
from typing import Any

import pytest

from seq2seq.bench import contest, training
from seq2seq.bench.contest import Contestant
from tests.cli.conftest import Command

SMALL = (
    *("data=reverse", "data.num_train=60", "data.num_validation=4", "data.num_test=4"),
    "optimizer.matrices=adamw",
)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "x.csv"], "--output: must end in .json, not be x.csv"),
        (["--steps", "5"], "--steps: must be a multiple of 10"),
        (["--peer", "joey"], "--peer: 'joey' is unknown; did you mean joeynmt?"),
        (["--peer", "eole"], "eole is not installed in .peers/eole; run `make bench-peers`"),
        (["--peer", "plain", "position=rope"], "model.position: differs from a plain Transformer"),
        (["--roofline", "encoder_attention=local"], "model.encoder: differs from a plain"),
        (["model.d_modell=3"], "d_modell"),
        (["init_from=x"], "init_from: makes no step faster"),
    ],
)
def test_refusals(
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = command("bench", "train", *arguments)
    assert ended.code != 0
    assert message in ended.err
    assert ended.out == ""
    assert not (tmp_path / "train.json").exists()


def test_the_table_the_json_and_the_plot(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(contest, "load_facts", lambda: {"busy": 0.0, "load": 0.0})
    facts: dict[str, Any] = {"seconds_per_step": 0.5, "peak_bytes": 2**20}

    def own(bench: Any, overrides: Any, folder: Path, workload: Any) -> Contestant:
        assert (folder / "train.source.ids").is_file()
        assert workload.steps == 10
        assert list(overrides) == list(SMALL)
        return Contestant("seq2seq", lambda: {"target_tokens_per_second": 300.0, **facts})

    def plain(peer: Any, python: str, workload: Any, folder: Path) -> dict[str, Any]:
        return {"target_tokens_per_second": 100.0, **facts}

    monkeypatch.setattr(training, "own_contestant", own)
    monkeypatch.setattr("seq2seq.bench.peers.catalogue.LoopPeer.measure", plain)
    arguments = ("--peer", "plain", "--rounds", "2", "--steps", "10", "--warmup", "10")
    ended = command("bench", "train", *arguments, *SMALL)
    assert ended.code == 0, ended.err
    assert "| plain | 100 | 3 | 0.5 | 1 | 1 | 1 |" in ended.out
    results = json.loads((tmp_path / "train.json").read_text())
    assert results["contestants"] == ["seq2seq", "plain"]
    assert len(results["measurements"]) == 4
    assert (tmp_path / "train.png").read_bytes().startswith(b"\x89PNG")
