"""`seq2seq bench attention`: what it measures, what it writes, and what it refuses."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from seq2seq.attention.config import MECHANISMS
from seq2seq.bench import cell as bench_cell
from seq2seq.bench import plan as bench_plan
from seq2seq.bench.plan import ROLES, Request, Settings, chosen, plan
from seq2seq.cli import bench
from seq2seq.errors import ConfigError
from tests.cli.conftest import Command

LEGAL = [
    (name, role)
    for name, config in MECHANISMS.items()
    for role in ROLES
    if ROLES[role] in config.roles
]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure everything once in this process."""
    monkeypatch.setattr(bench_cell, "ENOUGH", 0.0)
    monkeypatch.setattr(bench_cell, "REPEATS", 1)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Settings of short sequences."""
    settings = OmegaConf.load(bench_plan.SETTINGS)
    settings.update(lengths=[16, 24], step_lengths=[8, 16], head_dim=8)
    OmegaConf.save(settings, tmp_path / "settings.yaml")
    monkeypatch.setattr(bench_plan, "SETTINGS", tmp_path / "settings.yaml")


def request_for(name: str, role: str, lengths: list[int], *, steps: bool = False) -> Request:
    return Request.of(Settings.read(), name, role, lengths, steps=steps)


def states(name: str, lengths: list[int]) -> list[int]:
    rows = bench_cell.measure(request_for(name, "decoder", lengths, steps=True))["rows"]
    return [row["state_bytes"] for row in rows]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("name", "role"), LEGAL)
def test_every_mechanism_can_be_measured_in_its_roles(name: str, role: str) -> None:
    measured = json.loads(json.dumps(bench_cell.measure(request_for(name, role, [40]))))
    (cell,) = measured["rows"]
    assert cell["length"] == 40
    assert cell["seconds"] > 0
    assert cell["peak_bytes"] >= 0
    assert (cell["state_bytes"] is None) == (role == "encoder")
    if role != "encoder":
        steps = bench_cell.measure(request_for(name, role, [9, 40], steps=True))["rows"]
        assert [step["length"] for step in steps] == [9, 40]
        assert steps[-1]["state_bytes"] == cell["state_bytes"]


@pytest.mark.usefixtures("quick")
def test_state_grows_as_each_mechanism_promises() -> None:
    lengths = [100, 300, 600]
    full = states("full", lengths)
    assert full == [2 * 4 * 64 * 4 * length for length in lengths]
    assert states("gqa", lengths) == [size // 2 for size in full]
    assert states("mqa", lengths) == [size // 4 for size in full]
    assert states("local", lengths) == [full[0], *[2 * 4 * 64 * 4 * 255] * 2]
    assert len(set(states("linear", lengths))) == len(set(states("performer", lengths))) == 1


def test_the_peak_is_that_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_cell, "ENOUGH", 0.0)
    monkeypatch.setattr(
        bench_cell, "forward_backward", lambda core, inputs: inputs.q.new_ones(64 * 2**18).sum()
    )
    (cell,) = bench_cell.measure(request_for("full", "encoder", [8]))["rows"]
    assert 63 * 2**20 < cell["peak_bytes"] < 80 * 2**20


@pytest.mark.usefixtures("small")
def test_processes_files_and_tables(command: Command, tmp_path: Path) -> None:
    output = tmp_path / "deep" / "results.json"
    ended = command(
        "bench",
        "attention",
        "--mechanisms",
        "linformer,mqa",
        "--roles",
        "decoder",
        "--output",
        output,
    )
    assert ended.code == 0, ended.err
    assert (
        "left out: linformer in role decoder: cannot serve as decoder causal self-attention"
        in ended.err
    )
    assert "[3/3] mqa decoder steps up to 16" in ended.err
    results = json.loads(output.read_text())
    assert [(c["mechanism"], c["role"], c["length"]) for c in results["cells"]] == [
        ("mqa", "decoder", 16),
        ("mqa", "decoder", 24),
    ]
    assert set(results["cells"][0]) == {
        "mechanism",
        "role",
        "length",
        "seconds",
        "peak_bytes",
        "state_bytes",
    }
    assert [(s["length"], s["state_bytes"]) for s in results["steps"]] == [
        (8, 2 * 8 * 8 * 4),
        (16, 2 * 16 * 8 * 4),
    ]
    assert results["fits"] == [
        {"mechanism": "mqa", "role": "decoder", "time_exponent": None, "memory_exponent": None}
    ]
    assert results["settings"]["threads"] >= 1
    assert output.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert "mechanism  role     16" in ended.out


@pytest.mark.usefixtures("small")
def test_a_failed_measurement_does_not_lose_the_others(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(arguments: list[str], **options: Any) -> "subprocess.CompletedProcess[str]":
        request = Request.from_json(arguments[-1])
        if request.steps:
            return subprocess.CompletedProcess(arguments, 1, "", "Traceback\nRuntimeError: too odd")
        if request.lengths == [24]:
            return subprocess.CompletedProcess(arguments, -9, "", "")
        row = {"length": request.lengths[0], "seconds": 1.0, "peak_bytes": 0, "state_bytes": 7}
        return subprocess.CompletedProcess(
            arguments, 0, json.dumps({"rows": [row], "threads": 1, "torch": "2"}), ""
        )

    monkeypatch.setattr(subprocess, "run", run)
    ended = command(
        "bench",
        "attention",
        "--mechanisms",
        "full",
        "--roles",
        "decoder",
        "--output",
        tmp_path / "r.json",
    )
    assert ended.code == 1
    assert "error: 2 of 3 measurements failed" in ended.err
    assert (
        "full decoder 24: killed by signal 9, which for 9 often means too little memory"
        in ended.err
    )
    assert "full decoder steps up to 16: RuntimeError: too odd" in ended.err
    assert [cell["length"] for cell in json.loads((tmp_path / "r.json").read_text())["cells"]] == [
        16
    ]
    assert (tmp_path / "r.png").exists()


def test_exponents_need_five_lengths() -> None:
    cells = [
        {
            "mechanism": "m",
            "role": "encoder",
            "length": n,
            "seconds": 3e-7 * n**1.5,
            "peak_bytes": 10 * n,
        }
        for n in (1024, 2048, 4096, 8192, 16384)
    ]
    assert bench.fits(cells) == [
        {"mechanism": "m", "role": "encoder", "time_exponent": 1.5, "memory_exponent": 1.0}
    ]
    assert bench.fits(cells[1:])[0]["time_exponent"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--mechanisms", "locl"],
            "--mechanisms: 'locl' does not exist; did you mean local? choose from full",
        ),
        (
            ["--roles", "both"],
            "--roles: 'both' does not exist; choose from encoder, decoder, cross",
        ),
        (
            ["--lengths", "0"],
            "--lengths: must be whole numbers from 1 between commas, such as 1024,2048; not '0'",
        ),
        (["--output", "x.csv"], "--output: must end in .json, not be x.csv"),
        (["--mechanisms", "linformer", "--roles", "decoder"], "nothing is left to measure"),
    ],
)
def test_refusals(command: Command, arguments: list[str], message: str) -> None:
    ended = command("bench", "attention", *arguments)
    assert ended.code == 2
    assert message in ended.err
    assert ended.out == ""


def test_settings_are_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings.read()
    settings.mechanisms["local"] = {"window": 0}
    with pytest.raises(ConfigError, match=r"mechanisms\.local\.window: must be at least 1, not 0"):
        plan(chosen(settings, "local", "encoder", ""))
    settings.mechanisms["local"] = {"windw": 3}
    with pytest.raises(ConfigError, match="windw"):
        plan(chosen(settings, "local", "encoder", ""))
    monkeypatch.setattr(bench_plan, "SETTINGS", tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match=r"none\.yaml: is not there"):
        Settings.read()


def test_all_that_is_legal_is_planned() -> None:
    planned = plan(chosen(Settings.read(), "", "encoder,decoder,cross", "8"))
    assert {(r.mechanism, r.role_name) for r in planned.requests} == set(LEGAL)
    assert len(planned.left_out) == 3 * len(MECHANISMS) - len(LEGAL)
