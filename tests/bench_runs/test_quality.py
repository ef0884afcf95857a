"""What a comparison of settings trains, resumes, skips, reads and refuses, by stand-in commands."""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from seq2seq.bench_runs import seeds, steps
from seq2seq.bench_runs.comparison import Comparison
from seq2seq.bench_runs.ledger import LEDGER
from seq2seq.bench_runs.planning import composed_plain
from seq2seq.bench_runs.settings import QualitySettings, Setting
from seq2seq.config import store
from seq2seq.errors import ConfigError, UserError
from seq2seq.run import start
from tests.bench_runs.stand_in import PROGRAM

BASE = ["data=reverse"]
REGISTERED_BY = (store, start)  # imported here: what is registered in a test is forgotten after it


@cache
def composed_once(setting: Setting, base: tuple[str, ...]) -> str:
    return json.dumps(composed_plain(setting, base))


@pytest.fixture(autouse=True)
def compose_each_setting_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Composing takes about a second."""

    def composed(setting: Setting, base: list[str]) -> Any:
        return json.loads(composed_once(setting, tuple(base)))

    monkeypatch.setattr(steps, "composed_plain", composed)


@pytest.fixture(autouse=True)
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "calls"
    monkeypatch.setenv("CALLS", str(path))
    return path


def settings(**changes: Any) -> QualitySettings:
    sides = {"baseline": [], "better": ["model.dropout=0.3"]}
    return QualitySettings(**{"base": BASE, "settings": sides, "steps": 220, **changes})


def opened(tmp_path: Path, asked: QualitySettings, *, jobs: int = 1) -> Comparison:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    comparison = Comparison.opened(asked, tmp_path / "runs", jobs=jobs)
    comparison.python = [sys.executable, "-S", "-E", str(program)]
    return comparison


def train(tmp_path: Path, asked: QualitySettings, *, jobs: int = 1) -> tuple[Comparison, list[str]]:
    comparison = opened(tmp_path, asked, jobs=jobs)
    steps.plan_steps(comparison)
    return comparison, seeds.train_seeds(comparison)


def called(calls: Path, module: str) -> list[list[str]]:
    if not calls.exists():
        return []
    lines = [json.loads(line) for line in calls.read_text().splitlines()]
    return [line[2:] for line in lines if line[1] == module]


def trainings(calls: Path) -> list[str]:
    """Name and seed of each training that was begun or resumed, in order."""
    places = []
    for line in called(calls, "seq2seq.cli.main"):
        options = dict(item.split("=", 1) for item in line if "=" in item)
        run = Path(options.get("resume") or options["hydra.run.dir"].strip("'"))
        places.append(("+" if "resume" in options else "") + f"{run.parent.name}/{run.name}")
    return places


def test_settings_alternate_within_seeds_and_are_planned_for_the_budget(
    tmp_path: Path, calls: Path
) -> None:
    comparison, failures = train(tmp_path, settings(seeds=2))
    assert failures == []
    assert trainings(calls) == [
        f"{name}/seed_{seed}" for seed in (1, 2) for name in ("baseline", "better")
    ]
    line = called(calls, "seq2seq.cli.main")[1]
    assert line[1:7] == [
        *("data=reverse", "model.dropout=0.3", "schedule.warmup_steps=14"),
        *("trainer.validate_every=55", "trainer.checkpoint_every=11", "trainer.max_steps=220"),
    ]
    assert {"seed=1", "trainer.evaluate=false"} <= set(line)
    (run, _) = comparison.ledger.finished("better")
    assert run["training"] == {
        "steps": 220,
        "step_seconds": 110 / 0.5 + 110 / 2,
        "target_tokens": round(110 / 0.5 * 200 + 110 / 2 * 200),
        "seconds": 21.0,
        "last_loss": 2.5,
        "last_bleu": 8.0,
    }
    assert run["validation"]["bleu"] == pytest.approx(31.1)
    assert len(run["code"][0]["sha256"]) == 64
    entry = comparison.entry(comparison.sides[1])
    assert entry["configuration"]["model"]["dropout"] == 0.3
    assert "| better | 2 | 220 |" in (tmp_path / "runs" / "quality.md").read_text()


def test_a_comparison_goes_on_where_it_was_interrupted(
    tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOPPED", "better/seed_1")
    _, failures = train(tmp_path, settings())
    assert failures == ["better/seed_1: it was stopped"]
    calls.unlink()
    comparison, failures = train(tmp_path, settings(seeds=2))
    assert failures == []
    assert trainings(calls) == ["+better/seed_1", "baseline/seed_2", "better/seed_2"]
    assert len(list(comparison.ledger.finished("better"))) == 2
    calls.unlink()
    assert train(tmp_path, settings(seeds=2))[1] == []
    assert trainings(calls) == [], "what is finished is not trained again"


def test_a_run_that_fails_stops_no_other(
    tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFUSED", "baseline/seed_1")
    comparison, failures = train(tmp_path, settings(), jobs=2)
    assert failures == ["baseline/seed_1: the learning rate was refused"]
    assert [run["seed"] for run in comparison.ledger.finished("better")] == [1]
    assert all("trainer.num_threads=1" in line for line in called(calls, "seq2seq.cli.main"))


def test_a_budget_of_tokens_is_counted_once_for_settings_that_read_alike(
    tmp_path: Path, calls: Path
) -> None:
    sides = {
        "baseline": [],
        "better": ["model.dropout=0.3"],
        "smaller": ["data.batch.max_tokens=512"],
    }
    comparison, _ = train(tmp_path, settings(steps=None, target_tokens=44_000, settings=sides))
    counted = called(calls, "seq2seq.bench_runs.count_steps")
    assert [line[0] for line in counted] == ["44000"] * 2
    assert [Path(line[1]).parent.name for line in counted] == ["baseline", "smaller"]
    assert [comparison.entry(side)["steps"] for side in comparison.sides] == [440] * 3
    assert "schedule.warmup_steps=27" in comparison.entry(comparison.sides[0])["planned"]


def test_a_budget_of_minutes_is_calibrated_once_and_written_down(
    tmp_path: Path, calls: Path
) -> None:
    asked = settings(steps=None, minutes=2.0)
    comparison, _ = train(tmp_path, asked)
    entry = comparison.entry(comparison.sides[0])
    assert entry["steps"] == 240, "reports of the warm-up do not count"
    assert entry["calibration"]["seconds_per_step"] == 0.5
    assert trainings(calls)[:2] == ["baseline/calibration_1", "better/calibration_1"]
    calls.unlink()
    train(tmp_path, asked)
    assert trainings(calls) == []


def test_without_a_budget_the_configured_steps_stay(tmp_path: Path) -> None:
    sides = {"baseline": ["trainer.max_steps=60", "schedule.warmup_steps=9"]}
    comparison, _ = train(tmp_path, settings(steps=None, settings=sides))
    entry = comparison.entry(comparison.sides[0])
    assert entry["steps"] == 60
    assert entry["planned"] == [*BASE, "trainer.max_steps=60", "schedule.warmup_steps=9"]


def test_an_option_that_was_typed_is_not_scaled(tmp_path: Path) -> None:
    sides = {"baseline": ["schedule.warmup_steps=9", "trainer.max_epochs=2"]}
    comparison, _ = train(tmp_path, settings(settings=sides))
    planned = comparison.entry(comparison.sides[0])["planned"]
    assert [item for item in planned if "warmup" in item] == ["schedule.warmup_steps=9"]


def test_the_test_split_is_read_once_and_only_where_it_is_asked_for(
    tmp_path: Path, calls: Path
) -> None:
    comparison, _ = train(tmp_path, settings())
    assert {line[1] for line in called(calls, "seq2seq.bench_runs.held_out")} == {"validation"}
    calls.unlink()
    for _ in range(2):
        assert seeds.read_test(comparison, ["better"]) == []
    (line,) = called(calls, "seq2seq.bench_runs.held_out")
    assert line[0].endswith("better/seed_1") and line[1] == "test"
    content = json.loads((tmp_path / "runs" / LEDGER).read_text())
    assert content["runs"]["better/seed_1"]["test"]["signature"] == "test"
    assert "test" not in content["runs"]["baseline/seed_1"]
    with pytest.raises(ConfigError, match="did you mean better"):
        seeds.ensure_settings(comparison, ["beter"])


def test_every_setting_is_checked_before_anything_is_trained(tmp_path: Path, calls: Path) -> None:
    sides = {"baseline": [], "a": ["model.dropot=0.3"], "b": ["model.dropout=3"]}
    with pytest.raises(ConfigError) as refused:
        train(tmp_path, settings(settings=sides))
    first, second = refused.value.problems
    assert first.startswith("a: model.dropot: there is no such option")
    assert second.startswith("b: model.dropout: must be")
    assert trainings(calls) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 300}, "its runs have the budget"),
        ({"base": [*BASE, "model=tiny"]}, "its runs have the base"),
        ({"settings": {"baseline": ["model.dropout=0.2"]}}, "baseline stands there with"),
    ],
)
def test_what_could_not_be_compared_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    train(tmp_path, settings())
    with pytest.raises(UserError, match=message):
        train(tmp_path, settings(**changes))


def test_a_folder_with_another_file_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / LEDGER).write_text('{"mine": 1}')
    with pytest.raises(UserError, match="was not written by this command"):
        opened(tmp_path, settings())


def test_a_setting_may_be_trained_by_other_sources(tmp_path: Path, calls: Path) -> None:
    package = tmp_path / "old" / "seq2seq" / "cli"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package.parent / "__init__.py").touch()
    text = "trainer: {max_steps: 100, validate_every: 50, checkpoint_every: 10}\\n"
    text += "schedule: {warmup_steps: 20}\\n"
    (package / "main.py").write_text(f"print('{text}')", encoding="utf-8")
    sides = {"baseline": {"checkout": str(tmp_path / "old")}, "better": []}
    comparison, failures = train(tmp_path, settings(settings=sides, steps=50))
    assert failures == []
    old, new = (comparison.entry(side) for side in comparison.sides)
    assert "schedule.warmup_steps=10" in old["planned"]
    codes = [next(comparison.ledger.finished(n))["code"] for n in ("baseline", "better")]
    assert codes[0] != codes[1]
    assert "trained with different code" in (tmp_path / "runs" / "quality.md").read_text()
    assert new["checkout"] is None
