"""The table of a comparison: a line for each setting, and how it differs from the first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seq2seq.bench_runs.ledger import Ledger
from seq2seq.bench_runs.seed_test import Spread, known_deviation, p_value, spread_of
from seq2seq.bench_runs.settings import MEASURES
from seq2seq.files import atomic_write

DIGITS = {"loss": 4, "bleu": 2}
LOWER_IS_BETTER = ("loss",)
TITLES = (
    *("setting", "seeds", "steps", "target tokens", "s per step", "minutes of steps"),
    *("validation loss", "gain", "p", "validation BLEU", "gain", "p", "test BLEU"),
)


@dataclass(frozen=True)
class Gain:
    """A measure of a setting beside that of the baseline.

    Attributes:
        gain: positive where the setting is better; None for the baseline itself.
        p: of the one-sided test; None where no deviation is known.
    """

    spread: Spread
    gain: float | None
    p: float | None


def gains(
    ledger: Ledger, names: Sequence[str], measure: str, stated: float | None
) -> dict[str, Gain]:
    """The gain of each setting with a finished run over the first setting.

    Args:
        measure: loss or bleu, of the bundle on the validation split.
        stated: deviation over seeds, if it is known.
    """
    spreads = {name: spread_of(values_of(ledger, name, measure)) for name in names}
    baseline = spreads[names[0]]
    deviation = known_deviation(stated, baseline)
    table = {}
    for name, spread in spreads.items():
        if spread is None:
            continue
        gain = p = None
        if baseline is not None and name != names[0]:
            gain = spread.mean - baseline.mean
            gain = -gain if measure in LOWER_IS_BETTER else gain
            if deviation is not None:
                p = p_value(gain, deviation[0], spread.count, baseline.count)
        table[name] = Gain(spread, gain, p)
    return table


def values_of(ledger: Ledger, name: str, measure: str) -> list[float]:
    return [run["validation"][measure] for run in ledger.finished(name)]


def quality_table(ledger: Ledger, names: Sequence[str], stated: dict[str, float]) -> str:
    """The table in Markdown, with what its p-values rest on."""
    by_measure = {name: gains(ledger, names, name, stated.get(name)) for name in MEASURES}
    rows: list[Sequence[str]] = [TITLES, ["---"] * len(TITLES)]
    rows += [setting_row(ledger, name, by_measure) for name in names]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([*lines, "", *notes(ledger, names, stated)]) + "\n"


def save_table(ledger: Ledger, names: Sequence[str], stated: dict[str, float]) -> str:
    """Write the table beside the ledger, as quality.md; returns it."""
    table = quality_table(ledger, names, stated)
    atomic_write(ledger.folder / "quality.md", table.encode())
    return table


def setting_row(ledger: Ledger, name: str, by_measure: dict[str, dict[str, Gain]]) -> list[str]:
    """The cells of a setting; "-" for what is not there (yet)."""
    runs = list(ledger.finished(name))
    facts = [run["training"] for run in runs]
    cells = [name, str(len(runs)), f"{ledger.settings[name]['steps']:,}"]
    tokens = spread_of([fact["target_tokens"] for fact in facts if fact["target_tokens"]])
    cells.append("-" if tokens is None else f"{tokens.mean:,.0f}")
    timed = [fact for fact in facts if fact["step_seconds"]]
    costs = spread_of([fact["step_seconds"] / fact["steps"] for fact in timed])
    minutes = spread_of([fact["step_seconds"] / 60 for fact in timed])
    cells += ["-" if costs is None else costs.text(3), "-" if minutes is None else minutes.text(1)]
    for measure in MEASURES:
        cells += gain_cells(by_measure[measure].get(name), DIGITS[measure])
    test = spread_of([run["test"]["bleu"] for run in runs if "test" in run])
    return [*cells, "-" if test is None else test.text(2)]


def gain_cells(gain: Gain | None, digits: int) -> list[str]:
    if gain is None:
        return ["-", "-", "-"]
    difference = "-" if gain.gain is None else f"{gain.gain:+.{digits}f}"
    p = "-" if gain.p is None else f"{gain.p:.4f}"
    return [gain.spread.text(digits), difference, p]


def notes(ledger: Ledger, names: Sequence[str], stated: dict[str, float]) -> list[str]:
    """What a reader of the table has to know: the test, and differences of code and tokens."""
    lines = [
        "Loss (nats a token) and BLEU are those of the bundle on the validation split; ± is the "
        "standard deviation over seeds; gains are over the first setting, positive where better."
    ]
    for measure in MEASURES:
        known = known_deviation(
            stated.get(measure), spread_of(values_of(ledger, names[0], measure))
        )
        label = "BLEU" if measure == "bleu" else measure
        lines.append(
            f"p of {label}: not tested; five seeds of the baseline, or --deviation {measure}=X, "
            "give the deviation over seeds."
            if known is None
            else f"p of {label}: one-sided, deviation over seeds {known[0]:.4g} ({known[1]})."
        )
    return [*lines, *code_notes(ledger, names)]


def code_notes(ledger: Ledger, names: Sequence[str]) -> list[str]:
    """Which code the runs were trained with, if it is not one for all."""
    by_code: dict[str, list[str]] = {}
    for name in names:
        for run in ledger.finished(name):
            codes = ", ".join(code_text(code) for code in run["code"])
            by_code.setdefault(codes, []).append(f"{name}/{run['seed']}")
    if len(by_code) < 2:
        return [f"Code: {codes}." for codes in by_code]
    listed = "; ".join(f"{codes}: {' '.join(runs)}" for codes, runs in by_code.items())
    return [f"The runs were trained with different code: {listed}."]


def code_text(code: dict[str, Any]) -> str:
    """The hash of the sources, and the commit."""
    commit = f", commit {code['commit'][:12]}" if code["commit"] else ""
    return f"sources {code['sha256'][:12]}{commit}"
