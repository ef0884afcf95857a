"""Comparison of runs: tests of significance over the translations that their evaluations wrote."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table

from seq2seq.bundle.files import checked_facts
from seq2seq.bundle.locate import find_bundle, saved_config
from seq2seq.config.schema import EvaluateConfig
from seq2seq.data.sources.base import Pairs
from seq2seq.decoding.config import DecodingConfig
from seq2seq.errors import ConfigError, DataError
from seq2seq.files import read_lines
from seq2seq.metrics.base import METRICS, Metric
from seq2seq.metrics.score import Scorer
from seq2seq.metrics.significance import (
    SignificanceRow,
    SignificanceTest,
    compare_systems,
    signature_with_test,
)
from seq2seq.run.evaluate import evaluate_bundle

logger = logging.getLogger(__name__)

TEXTS = ("sources", "references", "hypotheses")
SPEED_OPTIONS = ("batch_size", "batch_tokens")  # of decoding; they do not change the translations
SIGNIFICANT = 0.05
TABLE_WIDTH = 120  # of the table where there is no terminal


@dataclass(frozen=True)
class EvaluatedText:
    """The test set of an evaluation and its translations, one string per sentence."""

    sources: list[str]
    references: list[str]
    hypotheses: list[str]


def compare_runs(
    runs: Sequence[Path], config: EvaluateConfig, *, text: Pairs | None = None
) -> list[SignificanceRow]:
    """Compare runs with the first of them, and print a table.

    The evaluation in a run's folder is used if it is of the same text, model and decoding options;
    otherwise the run is evaluated.

    Args:
        config: split, metrics, protocol, decoding and alignment are read from it; the metrics are
            those of the first run unless others are chosen.
        text: translated instead of the runs' own split.

    Returns:
        The rows of the table.

    Raises:
        ConfigError: the runs translate to different languages.
        DataError: their test sets differ.
        UserError: a run cannot be evaluated.
    """
    baseline = saved_config(runs[0])
    metrics = baseline.metrics if config.metrics is None else config.metrics
    scorer = Scorer(common_language(runs), metrics, config.protocol)
    texts = {str(run): evaluated_text(run, config, text) for run in runs}
    ensure_same_test_set(texts)
    first = str(runs[0])
    logger.info("testing significance ...")
    rows = compare_systems(
        {run: evaluated.hypotheses for run, evaluated in texts.items()},
        texts[first].references,
        scorer,
        baseline=first,
    )
    count = len(texts[first].references)
    print_table(rows, scorer.metrics, f"{config.split}, {count:,} sentences")
    return rows


def common_language(runs: Sequence[Path]) -> str:
    """The target language of all runs.

    Raises:
        ConfigError: they have several.
    """
    languages = {run: saved_config(run).data.languages()[1] for run in runs}
    if len(set(languages.values())) > 1:
        listed = ", ".join(f"{run}: {language}" for run, language in languages.items())
        raise ConfigError(
            f"compare: runs must translate into one language, not several ({listed}); "
            "compare runs with the same target language"
        )
    return languages[runs[0]]


def evaluated_text(run: Path, config: EvaluateConfig, text: Pairs | None) -> EvaluatedText:
    """The evaluation in the run's folder, which is written first if it is missing or different."""
    folder = run / "evaluation" / config.split
    reason = mismatch(folder, checked_facts(find_bundle(run)), config.decoding, text)
    if reason is not None:
        logger.info("%s is evaluated: %s", run, reason)
        evaluate_bundle(run, config, text=text)
    return read_texts(folder)


def read_texts(folder: Path) -> EvaluatedText:
    return EvaluatedText(*(read_lines(folder / f"{name}.txt") for name in TEXTS))


def mismatch(
    folder: Path, bundle: Mapping[str, Any], decoding: DecodingConfig, text: Pairs | None
) -> str | None:
    """Why the evaluation in a folder cannot be used; None if it can."""
    if not folder.is_dir():
        return "there is no evaluation yet"
    try:
        scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
        present = read_texts(folder)
        used = without_speed_options(scores["decoding"])
        checkpoints = scores["checkpoints"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{folder} is damaged ({error})"
    if len({len(present.sources), len(present.references), len(present.hypotheses)}) > 1:
        return f"{folder} is damaged (its texts differ in length)"
    if checkpoints != bundle.get("checkpoints"):
        return "the run was trained further since"
    options = OmegaConf.to_container(OmegaConf.structured(decoding), enum_to_str=True)
    required = without_speed_options(options)
    different = [name for name in required if used.get(name) != required[name]]
    if different:
        listed = ", ".join(f"decoding.{name}={used.get(name)}" for name in different)
        return f"the evaluation had other options, {listed}"
    if text is not None and (present.sources, present.references) != (
        list(map(str, text.source)),
        text.target,
    ):
        return "the evaluation is of another text"
    return None


def without_speed_options(decoding: Any) -> dict[str, Any]:
    return {name: value for name, value in decoding.items() if name not in SPEED_OPTIONS}


def ensure_same_test_set(texts: Mapping[str, EvaluatedText]) -> None:
    """Refuse runs whose sources or references differ, with the first line that does."""
    (first, baseline), *compared = texts.items()
    for run, evaluated in compared:
        for name in ("sources", "references"):
            lines = zip_longest(getattr(baseline, name), getattr(evaluated, name))
            line = next((number for number, (a, b) in enumerate(lines, 1) if a != b), None)
            if line is not None:
                raise DataError(
                    f"compare: the test sets must be the same, but the {name} of {first} and {run} "
                    f"differ from line {line:,} on; give one text for all by "
                    "source=FILE reference=FILE"
                )


def print_table(rows: Sequence[SignificanceRow], metrics: Sequence[Metric], title: str) -> None:
    """A row per metric and run, with the p-values of both tests, on standard output."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=TABLE_WIDTH)
    table = Table(
        title=title, caption=caption(metrics), title_justify="left", caption_justify="left"
    )
    for column in ("metric", "run"):
        table.add_column(column, overflow="fold")
    for column in ("score", "95 % interval", "difference", "p randomisation", "p bootstrap"):
        table.add_column(column, justify="right")
    for metric in metrics:
        for row in rows:
            if row.metric == metric.name:
                table.add_row(*cells(row))
        table.add_section()
    console.print(table)
    for test in SignificanceTest:
        for metric in metrics:
            signature = signature_with_test(metric, test)
            console.print(f"{metric.label}: {signature}", markup=False, soft_wrap=True)


def caption(metrics: Sequence[Metric]) -> str:
    lower = [metric.label for metric in metrics if not metric.higher_is_better]
    direction = f"lower {' and '.join(lower)} is better. " if lower else ""
    return (
        f"Differences are to the first run; * marks p < {SIGNIFICANT}; {direction}The tests hold "
        "for this test set only, not for training again with another seed."
    )


def cells(row: SignificanceRow) -> list[str]:
    """A row of the table as text; the baseline has no difference and no p-values."""
    low, high = row.confidence
    difference = "" if row.difference is None else f"{row.difference:+.2f}"
    p_values = [p_value_text(row.p_values.get(test)) for test in SignificanceTest]
    return [
        METRICS[row.metric].label,
        row.system,
        f"{row.score:.2f}",
        f"{low:.2f} to {high:.2f}",
        difference,
        *p_values,
    ]


def p_value_text(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.4f}{'*' if value < SIGNIFICANT else ' '}"
