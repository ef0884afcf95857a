"""The text and translations of an evaluation, which is made first if it is missing or different."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seq2seq.bounded import read_json
from seq2seq.bundle.files import TEXT, checked_facts, weights_hash
from seq2seq.bundle.locate import find_bundle
from seq2seq.config.plain import as_plain
from seq2seq.config.schema import EvaluateConfig
from seq2seq.data.sources.base import Pairs
from seq2seq.errors import DataError
from seq2seq.files import read_lines, read_of_one_version
from seq2seq.results.evaluate import evaluate_bundle
from seq2seq.results.evaluation_folder import SCORES, evaluation_folder

logger = logging.getLogger(__name__)

TEXTS = ("sources", "references", "hypotheses")
SPEED_OPTIONS = (
    "batch_size",
    "batch_tokens",
    "workers",
)  # of decoding; they do not change the translations


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

    Raises:
        DataError: another command replaced it while it was made.
        UserError: as `evaluate_bundle`.
    """
    if config.output is not None:
        config = replace(config, output=str(Path(config.output) / output_name))
    for output in dict.fromkeys((None, config.output)):
        folder = evaluation_folder(run, config.split, output)
        present, reason = read_fitting(folder, run, config, text)
        if present is not None:
            return present
    logger.info("%s is evaluated: %s", run, reason)
    folder = evaluate_bundle(run, config, text=text).folder
    present, reason = read_fitting(folder, run, config, text)
    if present is None:
        raise DataError(f"{folder} was replaced by another command meanwhile: {reason}; try again")
    return present


def read_fitting(
    folder: Path, run: Path, config: EvaluateConfig, text: Pairs | None
) -> tuple[EvaluatedText | None, str]:
    """The evaluation in a folder, or why it cannot be used."""
    if not folder.is_dir():
        return None, "there is no evaluation yet"

    def read() -> tuple[EvaluatedText, Any]:
        texts = EvaluatedText(*(read_lines(folder / f"{name}.txt") for name in TEXTS))
        return texts, read_json(folder / SCORES)

    try:
        present, scores = read_of_one_version(folder / SCORES, read)
        reason = mismatch(present, scores, run, config, text)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return None, f"{folder} is damaged ({error})"
    return (present, "") if reason is None else (None, reason)


def mismatch(
    present: EvaluatedText, scores: Any, run: Path, config: EvaluateConfig, text: Pairs | None
) -> str | None:
    """Why an evaluation cannot be used; None if it can."""
    if len({len(present.sources), len(present.references), len(present.hypotheses)}) > 1:
        return "the texts of the evaluation differ in length"
    bundle = find_bundle(run)
    digest = weights_hash(bundle)
    model = scores["checkpoints"], scores.get("weights", digest)
    if model != (checked_facts(bundle).get("checkpoints"), digest):
        return "the evaluation is of another model, or the run was trained further since"
    used = without_speed_options(scores["decoding"])
    different = different_options(used, decoding_options(config))
    if different:
        return f"the evaluation had other options, {different}"
    required = held_out_lines(bundle, config.split) if text is None else lines_of(text)
    if required not in (None, (present.sources, present.references)):
        return "the evaluation is of another text"
    return None


def lines_of(text: Pairs) -> tuple[list[str], list[str]]:
    return list(map(str, text.source)), text.target


def held_out_lines(bundle: Path, split: str) -> tuple[list[str], list[str]] | None:
    """Both sides of a bundle's split; None if it has no split of this name."""
    source = bundle / TEXT / f"{split}.source"
    if not source.is_file():
        return None
    return read_lines(source), read_lines(source.with_suffix(".target"))


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
