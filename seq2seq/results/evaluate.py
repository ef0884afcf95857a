"""Evaluation of a run: its translations of a test set, their scores and their word alignments."""

import logging
from dataclasses import dataclass
from pathlib import Path

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.alignment.extract import layer_index, mechanism
from seq2seq.attention.config import Role
from seq2seq.bundle.files import Bundle, held_out_split, load_bundle
from seq2seq.bundle.locate import saved_config
from seq2seq.config.schema import EvaluateConfig
from seq2seq.data.kinds.base import SOURCE_KINDS
from seq2seq.data.sources.base import Pairs
from seq2seq.data.text_files import read_strict_lines
from seq2seq.errors import DataError
from seq2seq.evaluation.examples import log_examples
from seq2seq.evaluation.translate import Translator
from seq2seq.files import atomic_path
from seq2seq.metrics.score import DEFAULT_BOOTSTRAP, Score, Scorer
from seq2seq.model.transformer import Transformer
from seq2seq.results.as_configured import log_changes
from seq2seq.results.evaluation_folder import ensure_replaceable, evaluation_folder
from seq2seq.results.scoring import scorer_of, scoring_facts, write_scores
from seq2seq.results.translations import Translations, draw_heatmaps, room_for, write_translations

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """The folder of an evaluation, and the scores in it by the metrics' names."""

    folder: Path
    scores: dict[str, Score]


def evaluate_bundle(run: Path, config: EvaluateConfig, *, text: Pairs | None = None) -> Result:
    """Evaluate a run or bundle; writes `<run>/evaluation/<config.split>/`, or below config.output.

    Args:
        config: its decoding and alignment are used as they are; see `as_configured`.
        text: translated instead of the run's own split.

    Raises:
        ConfigError: an option is wrong, alignments are required that the model does not have, or
            the target language cannot be scored by a metric or under the protocol.
        UserError: no such run or split, a package is missing, or there is no place to write to.
    """
    bundle = load_bundle(run)
    scorer = scorer_of(config, bundle.config)
    pairs = text if text is not None else held_out_split(bundle, config.split)
    log_changes(config, bundle.config)
    scorer.log_scoring(pairs.target)
    translator = Translator([bundle.model], bundle.tokenizers, config.decoding, config.alignment)
    if translator.aligner is None and config.alignment.enabled is None:
        log_missing_alignments(bundle.model, config.alignment)
    folder = evaluation_folder(run, config.split, config.output)
    ensure_replaceable(folder, room=room_for(translator, pairs))
    with atomic_path(folder) as partial:
        partial.mkdir()
        if text is not None:
            bundle.tokenizers.source.save_items(partial / "sources", text.source)
        translations = write_translations(partial, translator, pairs)
        draw_heatmaps(partial / "heatmaps", translations.drawn)
        scores = score_translations(partial, bundle, scorer, config, pairs.target, translations)
    log_examples(pairs.source, translations.hypotheses, pairs.target)
    log_scores(folder, config.split, scorer, scores, translations)
    return Result(folder, scores)


def log_missing_alignments(model: Transformer, alignment: AlignmentConfig) -> None:
    """Log that the model has no attention weights to align with."""
    attention = mechanism(model, Role.CROSS, layer_index(model, alignment.layer))
    reason = f"{attention.name} in cross-attention has {attention.weights.value}"
    logger.info("no alignments are written: %s", reason)


def score_translations(
    folder: Path,
    bundle: Bundle,
    scorer: Scorer,
    config: EvaluateConfig,
    references: list[str],
    translations: Translations,
) -> dict[str, Score]:
    """Score translations and write scores.json."""
    hypotheses = translations.hypotheses
    scores = scorer.corpus(hypotheses, references, n_bootstrap=DEFAULT_BOOTSTRAP)
    facts = {
        "lines": len(hypotheses),
        "lines_cut": translations.num_cut,
    }
    facts |= scoring_facts(folder, scorer, hypotheses, references)
    write_scores(folder, bundle, scores, config, facts)
    return scores


def log_scores(
    folder: Path,
    split: str,
    scorer: Scorer,
    scores: dict[str, Score],
    translations: Translations,
) -> None:
    """Log the speed, every score with its interval and signature, and the folder."""
    count, seconds = len(translations.hypotheses), translations.seconds
    speed = count / max(seconds, 1e-9)
    logger.info("%s: %s lines in %.1f s (%.0f a second)", split, f"{count:,}", seconds, speed)
    for metric in scorer.metrics:
        result = scores[metric.name]
        low, high = result.confidence or (result.score, result.score)
        logger.info(
            "  %-4s %6.2f  (95 %%: %.2f to %.2f)  %s",
            metric.label,
            result.score,
            low,
            high,
            result.signature,
        )
    logger.info("results: %s", folder)


def text_pairs(config: EvaluateConfig, run: Path) -> Pairs | None:
    """The pairs of `config.source` and `config.reference`, one per line; None without them.

    Args:
        run: whose kind of source the lines of `config.source` are.

    Raises:
        DataError: they differ in length, are empty, or are not clean text.
    """
    if config.source is None or config.reference is None:
        return None
    data, source = saved_config(run).data, Path(config.source)
    kind = SOURCE_KINDS[data.source_kind]
    items = kind.items(read_strict_lines(source), source, max_length=data.max_source_length)
    pairs = Pairs(items, read_strict_lines(Path(config.reference)))
    if len(pairs.source) != len(pairs.target) or not pairs.source:
        raise DataError(
            f"{config.source} has {len(pairs.source):,} lines and {config.reference} "
            f"{len(pairs.target):,}; they must have the same number, and at least one"
        )
    return pairs
