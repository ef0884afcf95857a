"""The table against means, deviations and tests that are computed here from the same files."""

import json
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pytest

from seq2seq.data.sources.base import Pairs
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.errors import ConfigError, DataError
from seq2seq.metrics.score import Scorer
from seq2seq.metrics.significance import randomized_p_value
from seq2seq.runs_report.configurations import Configuration
from seq2seq.runs_report.differences import KnownTests, differences_of
from seq2seq.runs_report.report import RunsReport, read_places
from seq2seq.runs_report.run_result import RunResult, RunValue
from seq2seq.runs_report.table import RunsTable, differing_bases, runs_table
from tests.results.bundles import sentences
from tests.runs_report.conftest import ALIKE, WORSE
from tests.runs_report.made_runs import TEXT, evaluated_run, put_evaluation

LABELS = ["default", f"{WORSE} model.d_model=16", ALIKE]
METRICS = ("bleu", "chrf")


@pytest.fixture(scope="module")
def runs(sweep: Path) -> list[RunResult]:
    return list(read_places(RunsReport([sweep])).runs)


@pytest.fixture(scope="module")
def table(runs: list[RunResult]) -> RunsTable:
    return runs_table(runs, baseline="default")


def scores_of(sweep: Path, run: str) -> dict[str, float]:
    folder = sweep / run / "evaluation" / "test"
    sides = [(folder / f"{n}.txt").read_text().splitlines() for n in ("hypotheses", "references")]
    return {name: score.score for name, score in Scorer("en", METRICS).corpus(*sides).items()}


def row(table: RunsTable, label: str) -> Configuration:
    return next(row for row in table.rows if row.label == label)


def test_rows_are_configurations_and_seeds_are_in_them(table: RunsTable) -> None:
    assert [(row.label, row.seeds) for row in table.rows] == [
        (LABELS[0], (1, 2, 3)),  # the baseline, then by folder
        (LABELS[2], (2,)),
        (LABELS[1], (1, 2, 3)),
    ]


@pytest.mark.parametrize("metric", METRICS)
def test_cells_are_means_and_deviations_of_the_files(
    table: RunsTable, sweep: Path, metric: str
) -> None:
    column = next(column for column in table.columns if column.key == metric)
    for label, name in zip(LABELS[:2], ("base", "linear"), strict=True):
        scores = [scores_of(sweep, f"{name}/seed_{seed}")[metric] for seed in (1, 2, 3)]
        spread = column.spread(row(table, label))
        assert spread is not None
        assert spread.mean == pytest.approx(mean(scores))
        assert spread.deviation == pytest.approx(stdev(scores))


def test_columns_of_training_and_model(table: RunsTable) -> None:
    values = {
        column.key: [entry.value for entry in column.values(row(table, ALIKE)).values()]
        for column in table.columns
    }
    assert values["validation_loss"] == [pytest.approx(3.21)]
    assert values["training_speed"] == [pytest.approx(200.0)]
    base, linear = (column_values(table, "decoding_state", label) for label in LABELS[:2])
    bound = 2 * 2 * 16 * 4  # keys and values, layers, d_model, bytes
    assert set(base) == {2 * 16 * bound}, "of 16 source and 16 target positions"
    assert set(linear) < set(range(2 * 16 * bound)), "its state for the source is of fixed size"
    (parameters,) = set(column_values(table, "parameters", LABELS[0]))
    assert 1000 < parameters < 100_000


def column_values(table: RunsTable, key: str, label: str) -> list[float]:
    column = next(column for column in table.columns if column.key == key)
    return [entry.value for entry in column.values(row(table, label)).values()]


def test_differences_are_pooled_over_the_seeds_that_both_have(
    table: RunsTable, runs: list[RunResult]
) -> None:
    by_run = {Path(run.run).parent.name + str(run.seed): run.values["bleu"] for run in runs}
    metric = Scorer("en", ["bleu"]).metrics[0]

    def pooled(name: str, seeds: tuple[int, ...]) -> list[np.ndarray]:
        tables = [by_run[f"{name}{seed}"].statistics for seed in seeds]
        return list(np.concatenate([table for table in tables if table is not None]))

    expected = {}
    for label, name, seeds in ((LABELS[1], "linear", (1, 2, 3)), (ALIKE, "additive", (2,))):
        entry = table.differences[label, "bleu"]
        assert entry.seeds == seeds
        means = [mean(by_run[f"{n}{s}"].value for s in seeds) for n in (name, "base")]
        assert entry.difference == pytest.approx(means[0] - means[1])
        expected[label] = randomized_p_value(metric, pooled("base", seeds), pooled(name, seeds))
        assert entry.p_value == expected[label]
    smaller, larger = sorted(expected, key=expected.__getitem__)
    assert table.differences[smaller, "bleu"].corrected == pytest.approx(2 * expected[smaller])
    assert table.differences[larger, "bleu"].corrected == pytest.approx(expected[larger])
    assert table.differences[LABELS[1], "bleu"].is_significant
    assert not table.differences[ALIKE, "bleu"].is_significant
    assert (LABELS[0], "bleu") not in table.differences


@pytest.mark.parametrize("name", ["default", "base/seed_2", ALIKE])
def test_a_baseline_is_a_configuration_or_a_run(runs: list[RunResult], name: str) -> None:
    expected = ALIKE if name == ALIKE else "default"
    assert runs_table(runs, baseline=name).baseline == expected


def test_a_baseline_that_is_not_there(runs: list[RunResult]) -> None:
    with pytest.raises(ConfigError, match="no configuration or run is called 'defualt'; did you"):
        runs_table(runs, baseline="defualt")


def test_a_configuration_gets_a_name_by_one_of_its_runs(sweep: Path) -> None:
    names = {"base/seed_2": "the default", str(sweep / "linear" / "seed_3"): "kernel"}
    results = read_places(RunsReport([sweep], names=names)).runs
    table = runs_table(results, baseline="the default")
    assert [row.label for row in table.rows] == ["the default", ALIKE, "kernel"]
    assert table.differences["kernel", "bleu"].seeds == (1, 2, 3)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"absent": "x"}, "--name: absent must be the folder of one run of the report, not of 0"),
        ({"seed_2": "x"}, "not of 3"),
        ({"base/seed_1": ALIKE}, "must name one configuration"),
    ],
)
def test_names_that_name_nothing_or_several(
    sweep: Path, names: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        runs_table(read_places(RunsReport([sweep], names=names)).runs)


def test_a_baseline_that_names_several(runs: list[RunResult]) -> None:
    with pytest.raises(ConfigError, match="'seed_2' must name one configuration, not runs of 3"):
        runs_table(runs, baseline="seed_2")


def test_seeds_that_nobody_shares_are_not_tested() -> None:
    statistics = np.ones((4, 10))
    values = {
        name: {seed: RunValue(1.0, {}, statistics, name)} for name, seed in (("a", 1), ("b", 2))
    }
    assert differences_of("bleu", values, "a", KnownTests()) == {}


def test_a_run_that_is_given_twice_is_read_once_and_a_copy_is_refused(
    sweep: Path, runs: list[RunResult]
) -> None:
    twice = read_places(RunsReport([sweep, sweep / "base"])).runs
    assert [run.run for run in twice] == [run.run for run in runs]
    with pytest.raises(DataError, match="have one configuration and the seed 2; .* leave out one"):
        runs_table([*runs, replace(runs[0], run="copy")])


def test_where_overrides_are_equal_options_tell_rows_apart(runs: list[RunResult]) -> None:
    alone = [replace(run, overrides=()) for run in runs]
    labels = [row.label for row in runs_table(alone).rows]
    path = "model.decoder.cross_attention.name"
    kinds = ("additive", "full", "linear")
    assert all(f"{path}={name}" in label for label, name in zip(labels, kinds, strict=True))
    assert len(set(labels)) == 3


ELSEWHERE = Pairs(sentences(60, seed=17), TEXT.target)


@pytest.mark.parametrize(
    ("change", "told_apart", "shared"),
    [
        ("text", {"bleu": "text", "chrf": "text"}, {"validation_loss", "parameters"}),
        ("protocol", {"bleu": "protocol", "chrf": "protocol"}, {"validation_loss"}),
        ("training text", {"bleu": "training text", "validation_loss": "training text"}, set()),
        ("tokenizer", {"validation_loss": "tokenizer"}, {"bleu", "chrf"}),
        ("processor", {"training_speed": "processor"}, {"bleu", "validation_loss"}),
    ],
)
def test_what_does_not_compare_is_told_apart(
    runs: list[RunResult], change: str, told_apart: dict[str, str], shared: set[str]
) -> None:
    last = next(run for run in runs if ALIKE in run.overrides)
    values = {
        name: replace(entry, basis={**entry.basis, change: "another"})
        if change in entry.basis or (change == "processor" and name == "training_speed")
        else entry
        for name, entry in last.values.items()
    }
    table = runs_table(
        [replace(run, values=values) if run is last else run for run in runs], baseline="default"
    )
    keys = {column.key for column in table.columns}
    apart = differing_bases(table.columns)
    for name, reason in told_apart.items():
        assert {f"{name}_1", f"{name}_2"} <= keys
        labels = [c.label for c in table.columns if c.measure.name == name]
        assert all(set(apart[label]) == {reason} for label in labels)
        assert all((ALIKE, f"{name}_{n}") not in table.differences for n in (1, 2))
    assert shared <= keys


def test_texts_and_protocols_of_runs_are_told_apart(
    sweep: Path, tokenizers: Tokenizers, tmp_path: Path
) -> None:
    run = evaluated_run(tmp_path / "other", tokenizers, seed=1, errors=0.2, text=ELSEWHERE)
    results = read_places(RunsReport([sweep / "base", run])).runs
    with pytest.raises(DataError, match="one configuration"):
        runs_table(results)
    table = runs_table([replace(results[-1], seed=4), *results[:-1]])
    assert {"bleu_1", "bleu_2", "validation_loss"} <= {column.key for column in table.columns}
    put_evaluation(run, ELSEWHERE, seed=1, errors=0.2, protocol="lowercased_tokenized")
    basis = read_places(RunsReport([run])).runs[0].values["bleu"].basis
    assert basis["protocol"] == "lowercased_tokenized" and "tok:none" in basis["signature"]


def test_an_evaluation_of_another_model_or_text_is_refused(
    tokenizers: Tokenizers, tmp_path: Path
) -> None:
    run = evaluated_run(tmp_path / "run", tokenizers, seed=1, errors=0.3)
    scores = run / "evaluation" / "test" / "scores.json"
    content = json.loads(scores.read_text())
    scores.write_text(json.dumps({**content, "weights": "0" * 64}))
    with pytest.raises(DataError, match="the evaluation of another model"):
        read_places(RunsReport([run]))
    scores.write_text(json.dumps({**content, "bleu": {**content["bleu"], "score": 99.0}}))
    with pytest.raises(DataError, match=r"but scores.json says 99\.00; evaluate again"):
        read_places(RunsReport([run]))
