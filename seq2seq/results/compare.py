"""Comparison of runs: tests of significance over the translations that their evaluations wrote."""

import logging
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from seq2seq.bundle.together import Member, Together, ensure_together
from seq2seq.config.schema import EvaluateConfig
from seq2seq.data.sources.base import Pairs
from seq2seq.errors import DataError
from seq2seq.metrics.base import METRICS, Metric
from seq2seq.metrics.significance import (
    SignificanceRow,
    SignificanceTest,
    compare_systems,
    signature_with_test,
)
from seq2seq.printable import printable
from seq2seq.results.evaluated_text import (
    EvaluatedText,
    decoding_options,
    different_options,
    evaluated_text,
)
from seq2seq.results.scoring import scorer_of

logger = logging.getLogger(__name__)

SIGNIFICANT = 0.05
TABLE_WIDTH = 120  # of the table where there is no terminal


def compare_runs(
    configs: Mapping[Path, EvaluateConfig], *, text: Pairs | None = None
) -> list[SignificanceRow]:
    """Compare runs with the first of them, and print a table.

    The evaluation in a run's folder, or in that of the output, is used if it is of the same text,
    model and decoding options; otherwise the run is evaluated.

    Args:
        configs: of each run, which differ in decoding and alignment only; the metrics are those of
            the first run unless others are chosen.
        text: translated instead of the runs' own split.

    Returns:
        The rows of the table.

    Raises:
        ConfigError: the runs translate in different directions.
        DataError: their test sets differ.
        UserError: a run cannot be evaluated.
    """
    runs = list(configs)
    members = list(map(Member.of_folder, runs))
    ensure_together(Together.comparison, members)
    scorer = scorer_of(configs[runs[0]], members[0].config)
    log_different_decoding(configs)
    outputs = output_names(runs)
    texts = {
        str(run): evaluated_text(run, configs[run], text, output_name=outputs[run]) for run in runs
    }
    ensure_same_test_set(texts)
    first = str(runs[0])
    references = texts[first].references
    scorer.log_scoring(references)
    logger.info("testing significance ...")
    rows = compare_systems(
        {run: evaluated.hypotheses for run, evaluated in texts.items()},
        references,
        scorer,
        baseline=first,
    )
    split = configs[runs[0]].split
    print_table(rows, scorer.metrics, f"{split}, {len(references):,} sentences")
    return rows


def log_different_decoding(configs: Mapping[Path, EvaluateConfig]) -> None:
    """Log options of decoding in which a run differs from the first, as a part of what differs."""
    (first, config), *compared = configs.items()
    baseline = decoding_options(config)
    for run, compared_config in compared:
        different = different_options(decoding_options(compared_config), baseline)
        if different:
            logger.info("%s decodes as it was configured, other than %s: %s", run, first, different)


def output_names(runs: Sequence[Path]) -> dict[Path, str]:
    """The names of the runs' folders, with a number where a name was there before."""
    names: dict[Path, str] = {}
    for run in runs:
        name, number = run.resolve().name, 2
        while name in names.values():
            name, number = f"{run.resolve().name}-{number}", number + 1
        names[run] = name
    return names


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
        title=Text(printable(title)),
        caption=caption(metrics),
        title_justify="left",
        caption_justify="left",
    )
    for column in ("metric", "run"):
        table.add_column(column, overflow="fold")
    for column in ("score", "95 % interval", "difference", "p randomisation", "p bootstrap"):
        table.add_column(column, justify="right")
    for metric in metrics:
        for row in rows:
            if row.metric == metric.name:
                table.add_row(*map(Text, cells(row)))
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
        printable(row.system),
        f"{row.score:.2f}",
        f"{low:.2f} to {high:.2f}",
        difference,
        *p_values,
    ]


def p_value_text(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.4f}{'*' if value < SIGNIFICANT else ' '}"
