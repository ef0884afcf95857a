"""Metrics are chosen by the run or the command, and may come from a module of a user."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.bundle.locate import find_bundle, saved_config
from seq2seq.config.plain import to_yaml
from seq2seq.config.schema import EvaluateConfig
from seq2seq.decoding.config import DecodingConfig
from seq2seq.errors import ConfigError
from seq2seq.imports import import_modules
from seq2seq.metrics import METRICS
from seq2seq.results.evaluate import evaluate_bundle
from seq2seq.results.report import report_run
from seq2seq.results.start_evaluate import start_evaluation
from tests.results.bundles import make_run, rehash, train_tokenizers
from tests.results.test_report import blocks

CONFIG = EvaluateConfig(
    decoding=DecodingConfig(beam_size=1), alignment=AlignmentConfig(enabled=False)
)
MODULE = """
from seq2seq.metrics import METRICS, Metric

@METRICS.register
class Words(Metric):
    name = "{name}"
    label = "words"
    higher_is_better = True
    signature = "nrefs:1|version:1"

    def statistics(self, hypotheses, references):
        return [(len(text.split()), 1) for text in hypotheses]

    def from_statistics(self, sums):
        return float(sums[0] / sums[1])
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    return make_run(folder / "run", train_tokenizers(folder))


@pytest.fixture(autouse=True)
def unchanged() -> Iterator[None]:
    """Put registered metrics and log handlers back."""
    logs = logging.getLogger("seq2seq")
    before = logs.handlers[:], logs.level, logs.propagate
    names = list(METRICS)
    yield
    logs.handlers[:], logs.level, logs.propagate = before
    for name in list(METRICS):
        if name not in names:
            METRICS.remove(name)


def import_metric(folder: Path, name: str) -> None:
    (folder / f"{name}.py").write_text(MODULE.format(name=name))
    import_modules([str(folder / f"{name}.py")])


def scores_of(run: Path) -> dict[str, Any]:
    path = run / "evaluation" / "test" / "scores.json"
    scores: dict[str, Any] = json.loads(path.read_text())
    return scores


def test_the_metrics_of_the_run_are_computed_unless_others_are_chosen(run: Path) -> None:
    path = find_bundle(run) / "config.yaml"
    path.write_text(to_yaml(replace(saved_config(run), metrics=["exact_match", "chrf"])))
    rehash(find_bundle(run), "config.yaml")
    assert list(evaluate_bundle(run, CONFIG).scores) == ["exact_match", "chrf"]
    chosen = replace(CONFIG, metrics=["ter"])
    assert list(evaluate_bundle(run, chosen).scores) == ["ter"]
    assert "bleu" not in scores_of(run)
    assert scores_of(run)["reproduce"].endswith("-m ter --width 4")


def test_scores_without_a_command_say_so(run: Path) -> None:
    evaluate_bundle(run, replace(CONFIG, metrics=["exact_match"]))
    assert scores_of(run)["reproduce"] is None
    assert scores_of(run)["confidence"]["reproduce"] is None


def test_a_metric_of_a_user_is_in_scores_and_report(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = replace(CONFIG, run=str(run), metrics=["words", "bleu"])
    with pytest.raises(ConfigError, match="no metric is called 'words'.*imports="):
        start_evaluation(config)
    import_metric(tmp_path, "words")
    start_evaluation(config)
    entry = scores_of(run)["words"]
    assert entry["signature"] == "nrefs:1|version:1"
    low, high = entry["confidence"]
    assert low <= entry["score"] <= high
    assert f"  words {entry['score']:6.2f}" in capsys.readouterr().err
    data = blocks(report_run(run, "test"))["data"]
    assert [metric["label"] for metric in data["metrics"]] == ["words", "BLEU"]
    assert set(data["sentences"][0]["scores"]) == {"words", "bleu"}
    METRICS.remove("words")
    with pytest.raises(ConfigError, match="no metric is called 'words'.*imports="):
        report_run(run, "test")


def test_a_metric_cannot_have_the_name_of_another_key_of_the_scores(
    run: Path, tmp_path: Path
) -> None:
    import_metric(tmp_path, "seed")
    with pytest.raises(ConfigError, match=r"metrics: seed is another key of scores\.json"):
        evaluate_bundle(run, replace(CONFIG, metrics=["bleu", "seed"]))
