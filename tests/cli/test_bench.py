"""`seq2seq bench attention`: the files it writes, and what it refuses."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from seq2seq.attention.config import MECHANISMS
from seq2seq.bench import plan
from seq2seq.bench.plan import Request
from tests.cli.conftest import Command, Finished

Bench = Callable[..., Finished]


@pytest.fixture
def bench(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    """The command with settings of short sequences, writing r.json."""
    settings = OmegaConf.load(plan.SETTINGS)
    settings.update(lengths=[16, 24], step_lengths=[8, 16], head_dim=8)
    OmegaConf.save(settings, tmp_path / "settings.yaml")
    monkeypatch.setattr(plan, "SETTINGS", tmp_path / "settings.yaml")

    def run(*arguments: object) -> Finished:
        return command("bench", "attention", "--output", tmp_path / "deep" / "r.json", *arguments)

    return run


def results_of(folder: Path) -> dict[str, Any]:
    results: dict[str, Any] = json.loads((folder / "deep" / "r.json").read_text())
    return results


def test_processes_files_and_tables(bench: Bench, tmp_path: Path) -> None:
    ended = bench("--mechanisms", "linformer,mqa", "--roles", "decoder")
    assert ended.code == 0, ended.err
    reason = "linformer in role decoder: cannot serve as decoder causal self-attention"
    assert f"left out: {reason}" in ended.err
    assert "[3/3] mqa decoder steps up to 16" in ended.err
    results = results_of(tmp_path)
    cells, steps = results["cells"], results["steps"]
    assert [(cell["mechanism"], cell["role"], cell["length"]) for cell in cells] == [
        ("mqa", "decoder", 16),
        ("mqa", "decoder", 24),
    ]
    costs = {"seconds", "peak_bytes", "state_bytes"}
    assert set(cells[0]) == {"mechanism", "role", "length"} | costs
    assert [(step["length"], step["state_bytes"]) for step in steps] == [
        (8, 2 * 8 * 8 * 4),
        (16, 2 * 16 * 8 * 4),
    ]
    assert results["fits"] == [
        {"mechanism": "mqa", "role": "decoder", "time_exponent": None, "memory_exponent": None}
    ]
    assert results["settings"]["threads"] >= 1
    assert "imports" not in results["settings"]
    assert (tmp_path / "deep" / "r.png").read_bytes().startswith(b"\x89PNG")
    assert "mechanism  role     16" in ended.out


def test_a_failed_measurement_does_not_lose_the_others(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(arguments: list[str], **options: Any) -> "subprocess.CompletedProcess[str]":
        request = Request.from_json(arguments[-1])
        if request.steps:
            return subprocess.CompletedProcess(arguments, 1, "", "Traceback\nRuntimeError: too odd")
        if request.lengths == [24]:
            return subprocess.CompletedProcess(arguments, -9, "", "")
        row = {"length": request.lengths[0], "seconds": 1.0, "peak_bytes": 0, "state_bytes": 7}
        measured = json.dumps({"rows": [row], "threads": 1, "torch": "2"})
        return subprocess.CompletedProcess(arguments, 0, measured, "")

    monkeypatch.setattr(subprocess, "run", run)
    ended = bench("--mechanisms", "full", "roles=[decoder]")
    assert ended.code == 1
    assert "error: 2 measurements failed" in ended.err
    assert "full decoder 24: killed by signal 9, which often means too little memory" in ended.err
    assert "full decoder steps up to 16: RuntimeError: too odd" in ended.err
    assert [cell["length"] for cell in results_of(tmp_path)["cells"]] == [16]
    assert (tmp_path / "deep" / "r.png").exists()


MECHANISM = """
from dataclasses import dataclass
from seq2seq.attention.catalogue import FullConfig
from seq2seq.attention.config import MECHANISMS

@MECHANISMS.register
@dataclass
class MyConfig(FullConfig):
    name: str = "mine"
"""


def test_a_mechanism_of_a_user_is_measured(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(MECHANISM)
    arguments = ("--mechanisms", "mine", "--roles", "encoder", "--lengths", "16")
    assert "'mine' does not exist" in bench(*arguments).err
    try:
        ended = bench(*arguments, "--imports", path)
        assert ended.code == 0, ended.err
        assert [cell["mechanism"] for cell in results_of(tmp_path)["cells"]] == ["mine"]
    finally:
        if "mine" in MECHANISMS:
            MECHANISMS.remove("mine")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--mechanisms", "locl"],
            "mechanisms: 'locl' does not exist; did you mean local? choose from full",
        ),
        (
            ["--roles", "both"],
            "roles: 'both' does not exist; choose from encoder, decoder, cross",
        ),
        (
            ["--lengths", "0"],
            "lengths: must be at least 1, not [0]; choose [1024,2048]",
        ),
        (["--output", "x.csv"], "--output: must end in .json, not be x.csv"),
        (["--mechanisms", "linformer", "--roles", "decoder"], "no combination can be measured"),
        (["mechanisms.local.windw=3"], "mechanisms.local: Key 'windw' not in 'LocalConfig'"),
        (["mechanisms.local.window=0"], "mechanisms.local.window: must be at least 1, not 0"),
        (["heads=3"], "heads=3"),
    ],
)
def test_refusals(command: Command, arguments: list[str], message: str) -> None:
    ended = command("bench", "attention", *arguments)
    assert ended.code == 2
    assert message in ended.err
    assert ended.out == ""
