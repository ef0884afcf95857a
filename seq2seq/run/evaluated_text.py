"""The text and translations of an evaluation, which is made first if it is missing or different."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seq2seq.bounded import read_json
from seq2seq.bundle.files import checked_facts, weights_hash
from seq2seq.bundle.locate import find_bundle
from seq2seq.config.plain import as_plain
from seq2seq.config.schema import EvaluateConfig
from seq2seq.data.sources.base import Pairs
from seq2seq.files import read_lines
from seq2seq.run.evaluate import evaluate_bundle
from seq2seq.run.evaluation_folder import SCORES, evaluation_folder

logger = logging.getLogger(__name__)

TEXTS = ("sources", "references", "hypotheses")
SPEED_OPTIONS = ("batch_size", "batch_tokens")  # of decoding; they do not change the translations


@dataclass(frozen=True)
class EvaluatedText:
    """The test set of an evaluation and its translations, one string per sentence."""

    sources: list[str]
    references: list[str]
    hypotheses: list[str]


def evaluated_text(
    run: Path, config: EvaluateConfig, text: Pairs | None, *, output_name: str = ""
) -> EvaluatedText:
    """An evaluation that is there, or else is made.

    Args:
        output_name: of the run, below config.output.
    """
    if config.output is not None:
        config = replace(config, output=str(Path(config.output) / output_name))
    reasons = {}
    for output in dict.fromkeys((None, config.output)):
        folder = evaluation_folder(run, config.split, output)
        reasons[folder] = mismatch(folder, run, config, text)
        if reasons[folder] is None:
            return read_texts(folder)
    logger.info("%s is evaluated: %s", run, reasons[folder])
    return read_texts(evaluate_bundle(run, config, text=text).folder)


def read_texts(folder: Path) -> EvaluatedText:
    return EvaluatedText(*(read_lines(folder / f"{name}.txt") for name in TEXTS))


def mismatch(folder: Path, run: Path, config: EvaluateConfig, text: Pairs | None) -> str | None:
    """Why the evaluation in a folder cannot be used; None if it can."""
    bundle = find_bundle(run)
    facts = checked_facts(bundle)
    if not folder.is_dir():
        return "there is no evaluation yet"
    try:
        scores = read_json(folder / SCORES)
        present = read_texts(folder)
        used = without_speed_options(scores["decoding"])
        model = scores["checkpoints"], scores.get("weights", weights_hash(bundle))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{folder} is damaged ({error})"
    if len({len(present.sources), len(present.references), len(present.hypotheses)}) > 1:
        return f"{folder} is damaged (its texts differ in length)"
    if model != (facts.get("checkpoints"), weights_hash(bundle)):
        return "the evaluation is of another model, or the run was trained further since"
    different = different_options(used, decoding_options(config))
    if different:
        return f"the evaluation had other options, {different}"
    if text is not None and (present.sources, present.references) != (
        list(map(str, text.source)),
        text.target,
    ):
        return "the evaluation is of another text"
    return None


def decoding_options(config: EvaluateConfig) -> dict[str, Any]:
    """The options of decoding that change translations."""
    return without_speed_options(as_plain(config.decoding))


def different_options(options: Mapping[str, Any], required: Mapping[str, Any]) -> str:
    """The options that differ from those that are required."""
    return ", ".join(
        f"decoding.{name}={options.get(name)}"
        for name in required
        if options.get(name) != required[name]
    )


def without_speed_options(decoding: Any) -> dict[str, Any]:
    return {name: value for name, value in decoding.items() if name not in SPEED_OPTIONS}
