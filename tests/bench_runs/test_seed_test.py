"""The one-sided test by hand, and the cells of the table."""

from pathlib import Path
from typing import Any

import pytest

from seq2seq.bench_runs.ledger import FINISHED, Ledger
from seq2seq.bench_runs.quality_plot import save_quality
from seq2seq.bench_runs.quality_table import gains, quality_table
from seq2seq.bench_runs.seed_test import known_deviation, p_value, spread_of


def ledger(tmp_path: Path, **bleu: list[float]) -> Ledger:
    """A ledger with a finished run for each value of each setting; losses are -bleu / 10."""
    content: dict[str, Any] = {"settings": {}, "runs": {}}
    table = Ledger(tmp_path, content)
    code = [{"sha256": "a" * 64, "commit": "b" * 40}]
    training = {"steps": 10, "step_seconds": 60.0, "target_tokens": 1000}
    for name, values in bleu.items():
        table.settings[name] = {"steps": 10}
        for seed, value in enumerate(values, 1):
            scores = {"bleu": value, "loss": -value / 10}
            facts = {"training": training, "validation": scores, "code": code}
            table.run(name, seed).update(state=FINISHED, **facts)
    return table


def test_p_is_that_of_the_normal_distribution() -> None:
    assert p_value(0.0, 1.0, 3, 3) == 0.5
    assert p_value(1.6448536, 1.0, 2, 2) == pytest.approx(0.05)
    assert p_value(1.6448536 / 2, 1.0, 8, 8) == pytest.approx(0.05)
    assert p_value(-1.0, 1.0, 2, 2) == pytest.approx(1 - p_value(1.0, 1.0, 2, 2))
    assert p_value(2.3263479 * 2, 2.0, 2, 2) == pytest.approx(0.01)


def test_the_spread_is_that_of_a_sample() -> None:
    spread = spread_of([1.0, 3.0])
    assert spread is not None
    assert (spread.mean, spread.deviation, spread.count) == (2.0, pytest.approx(2**0.5), 2)
    assert spread.text(2) == "2.00 ± 1.41"
    assert spread_of([]) is None
    alone = spread_of([4.0])
    assert alone is not None and alone.deviation is None and alone.text(1) == "4.0"


def test_a_deviation_is_stated_or_of_five_seeds() -> None:
    four, five = spread_of([1.0, 2.0, 3.0, 4.0]), spread_of([1.0, 2.0, 3.0, 4.0, 5.0])
    assert known_deviation(None, four) is None
    assert known_deviation(None, five) == (pytest.approx(2.5**0.5), "of 5 seeds of the baseline")
    assert known_deviation(0.3, five) == (0.3, "stated")


def test_gains_are_positive_where_a_setting_is_better(tmp_path: Path) -> None:
    table = ledger(tmp_path, base=[30.0, 30.2], good=[31.0, 31.2], bad=[29.0])
    bleu = gains(table, ["base", "good", "bad"], "bleu", 0.5)
    loss = gains(table, ["base", "good", "bad"], "loss", None)
    assert bleu["base"].gain is None
    assert bleu["good"].gain == pytest.approx(1.0)
    assert loss["good"].gain == pytest.approx(0.1)
    assert loss["bad"].gain == pytest.approx(-0.11)
    assert bleu["good"].p == pytest.approx(p_value(1.0, 0.5, 2, 2))
    assert loss["good"].p is None


def test_the_table(tmp_path: Path) -> None:
    table = ledger(tmp_path, base=[30.0, 31.0], empty=[])
    table.run("base", 1)["test"] = {"bleu": 40.0}
    lines = quality_table(table, ["base", "empty"], {"bleu": 0.25}).splitlines()
    cells = [cell.strip() for cell in lines[2].strip("|").split("|")]
    assert cells == [
        *("base", "2", "10", "1,000", "6.000 ± 0.000", "1.0 ± 0.0"),
        *("-3.0500 ± 0.0707", "-", "-", "30.50 ± 0.71", "-", "-", "40.00"),
    ]
    assert lines[3] == f"| empty | 0 | 10 |{' - |' * 10}"
    text = "\n".join(lines[4:])
    assert "p of loss: not tested" in text
    assert "p of BLEU: one-sided, deviation over seeds 0.25 (stated)." in text
    assert "Code: sources aaaaaaaaaaaa, commit bbbbbbbbbbbb." in text


def test_the_plot_is_drawn_before_all_runs_are_there(tmp_path: Path) -> None:
    save_quality(tmp_path / "q.png", ledger(tmp_path, base=[30.0], empty=[]), ["base", "empty"])
    assert (tmp_path / "q.png").read_bytes().startswith(b"\x89PNG")
