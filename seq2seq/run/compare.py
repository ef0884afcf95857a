"""Do runs differ by more than the luck of a test set? Tests over the translations that their evaluations wrote."""

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

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.bundle.files import checked_facts
from seq2seq.bundle.locate import find_bundle, saved_config
from seq2seq.data.sources.base import Pairs
from seq2seq.decoding.config import DecodingConfig
from seq2seq.errors import ConfigError, DataError
from seq2seq.files import read_lines
from seq2seq.metrics.protocol import ScoringProtocol
from seq2seq.metrics.significance import SignificanceRow, SignificanceTest, compare_systems
from seq2seq.run.evaluate import evaluate_bundle

logger = logging.getLogger(__name__)

TEXTS = ("sources", "references", "hypotheses")
NO_MATTER = ("batch_size", "batch_tokens")  # decoding options that do not change what comes out
NAMES = {"bleu": "BLEU", "chrf": "chrF", "ter": "TER"}
SIGNIFICANT = 0.05
WIDTH = 120  # of the table where there is no terminal
CAPTION = (
    "Differences are to the first run; * marks p < 0.05; lower TER is better. "
    "The tests speak of this test set alone, not of training again with another seed."
)


@dataclass(frozen=True)
class Evaluation:
    """What one run made of the test set, one line each."""

    sources: list[str]
    references: list[str]
    hypotheses: list[str]


def compare_runs(
    runs: Sequence[Path],
    split: str,
    decoding: DecodingConfig,
    alignment: AlignmentConfig,
    *,
    text: Pairs | None = None,
    protocol: ScoringProtocol = ScoringProtocol.cased_13a,
) -> list[SignificanceRow]:
    """Compare runs with the first of them, and print a table.

    An evaluation that lies in a run's folder is taken if it is of the same text, model and decoding options; otherwise
    the run is evaluated.

    Returns:
        The rows of both tests, approximate randomisation first.

    Raises:
        ConfigError: the runs translate to different languages.
        DataError: their test sets differ.
        UserError: a run cannot be evaluated.
    """
    languages = {str(run): saved_config(run).data.languages()[1] for run in runs}
    if len(set(languages.values())) > 1:
        listed = ", ".join(f"{run}: {language}" for run, language in languages.items())
        raise ConfigError(
            f"compare: runs must translate to one language, but they do to several ({listed})"
        )
    evaluations = {
        str(run): evaluated(run, split, decoding, alignment, text, protocol) for run in runs
    }
    refuse_other_text(evaluations)
    first = str(runs[0])
    rows = []
    for test in SignificanceTest:
        logger.info("testing by %s ...", test.value)
        rows += compare_systems(
            {run: evaluation.hypotheses for run, evaluation in evaluations.items()},
            evaluations[first].references,
            baseline=first,
            target_language=languages[first],
            test=test,
            protocol=protocol,
        )
    print_table(rows, f"{split}, {len(evaluations[first].references):,} sentences")
    return rows


def evaluated(
    run: Path,
    split: str,
    decoding: DecodingConfig,
    alignment: AlignmentConfig,
    text: Pairs | None,
    protocol: ScoringProtocol,
) -> Evaluation:
    """The evaluation in the run's folder, made first if it is not there or was made otherwise."""
    folder = run / "evaluation" / split
    reason = why_not(folder, checked_facts(find_bundle(run)), decoding, text)
    if reason is not None:
        logger.info("%s is evaluated: %s", run, reason)
        evaluate_bundle(run, split, decoding, alignment, text=text, protocol=protocol)
    return Evaluation(*(read_lines(folder / f"{name}.txt") for name in TEXTS))


def why_not(
    folder: Path, bundle: Mapping[str, Any], decoding: DecodingConfig, text: Pairs | None
) -> str | None:
    """Why what lies in a folder is not the evaluation asked for; None if it is."""
    if not folder.is_dir():
        return "it has not been yet"
    try:
        scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
        found = Evaluation(*(read_lines(folder / f"{name}.txt") for name in TEXTS))
        before = that_matters(scores["decoding"])
        checkpoints = scores["checkpoints"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{folder} is damaged ({error})"
    if len({len(found.sources), len(found.references), len(found.hypotheses)}) > 1:
        return f"{folder} is damaged (its texts differ in length)"
    if checkpoints != bundle.get("checkpoints"):
        return "it has been trained further since"
    asked = that_matters(OmegaConf.to_container(OmegaConf.structured(decoding), enum_to_str=True))
    if before != asked:
        other = [name for name in asked if before.get(name) != asked[name]]
        return "it was with other " + ", ".join(
            f"decoding.{name}={before.get(name)}" for name in other
        )
    if text is not None and (found.sources, found.references) != (text.source, text.target):
        return "it was of another text"
    return None


def that_matters(decoding: Any) -> dict[str, Any]:
    return {name: value for name, value in decoding.items() if name not in NO_MATTER}


def refuse_other_text(evaluations: Mapping[str, Evaluation]) -> None:
    (first, reference), *others = evaluations.items()
    for run, other in others:
        for name in ("sources", "references"):
            pairs = zip_longest(getattr(reference, name), getattr(other, name))
            line = next((number for number, (one, two) in enumerate(pairs, 1) if one != two), None)
            if line is not None:
                raise DataError(
                    f"compare: {first} and {run} have different test sets, the {name} differ from line {line:,} on; "
                    "give one for all by source=FILE reference=FILE"
                )


def print_table(rows: Sequence[SignificanceRow], title: str) -> None:
    """One row a metric and run, with the p-values of both tests, on standard output."""
    half = len(rows) // 2
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    table = Table(title=title, caption=CAPTION, title_justify="left", caption_justify="left")
    for name in ("metric", "run"):
        table.add_column(name, overflow="fold")
    for name in ("score", "95 % interval", "difference", "p randomisation", "p bootstrap"):
        table.add_column(name, justify="right")
    for metric in NAMES:
        for randomization, bootstrap in zip(rows[:half], rows[half:], strict=True):
            if randomization.metric == metric:
                table.add_row(*cells(randomization, bootstrap), end_section=False)
        table.add_section()
    console.print(table)
    for row in (*rows[: len(NAMES)], *rows[half : half + len(NAMES)]):
        console.print(f"{NAMES[row.metric]}: {row.signature}", markup=False, soft_wrap=True)


def cells(randomization: SignificanceRow, bootstrap: SignificanceRow) -> list[str]:
    row = randomization
    low, high = bootstrap.confidence
    difference = "" if row.difference is None else f"{row.difference:+.2f}"
    found = [p_value(row.p_value), p_value(bootstrap.p_value)]
    return [
        NAMES[row.metric],
        row.system,
        f"{row.score:.2f}",
        f"{low:.2f} to {high:.2f}",
        difference,
        *found,
    ]


def p_value(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.4f}{'*' if value < SIGNIFICANT else ' '}"
