"""Translate a split with a run's model, score it, and write everything that backs the scores beside them."""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.alignment.export import (
    AttentionMetadata,
    AttentionWriter,
    write_attention,
    write_pharaoh,
)
from seq2seq.alignment.extract import find_heads, find_layer, mechanism
from seq2seq.alignment.links import Links
from seq2seq.attention.config import Role
from seq2seq.bundle.files import Bundle, held_out_split, load_bundle
from seq2seq.data.reader import read_lines
from seq2seq.data.sources.base import Pairs
from seq2seq.decoding.config import DecodingConfig
from seq2seq.errors import DataError
from seq2seq.evaluation.translate import Translation, Translator
from seq2seq.files import atomic_path, write_lines
from seq2seq.metrics.protocol import ScoringProtocol
from seq2seq.metrics.score import Score
from seq2seq.progress import ProgressReport
from seq2seq.report.heatmap import save_heatmap
from seq2seq.run.scoring import Scoring, write_scores

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """Where an evaluation lies and how good the translations are."""

    folder: Path
    scores: dict[str, Score]


def evaluate_bundle(
    run: Path,
    split: str,
    decoding: DecodingConfig,
    alignment: AlignmentConfig,
    *,
    text: Pairs | None = None,
    protocol: ScoringProtocol = ScoringProtocol.cased_13a,
) -> Result:
    """Evaluate a run or bundle on one of its own splits, or on a text under the split's name.

    Returns:
        The scores, which stand in `<run>/evaluation/<split>/` with all that they come from.

    Raises:
        UserError: no such run or split, alignments are insisted on that the model does not have, or the target language
            cannot be scored so.
    """
    bundle = load_bundle(run)
    scoring = Scoring(bundle.config.data.languages()[1], protocol)
    scoring.check()
    pairs = text if text is not None else held_out_split(bundle, split)
    translator = Translator([bundle.model], bundle.tokenizers, decoding, alignment)
    if translator.aligner is None and alignment.enabled is None:
        layer = find_layer(bundle.model, alignment.layer)
        config = mechanism(bundle.model, Role.CROSS, layer)
        logger.info(
            "no alignments are written: %s in cross-attention has %s",
            config.name,
            config.weights.value,
        )
    folder = run / "evaluation" / split
    with atomic_path(folder) as partial:
        partial.mkdir()
        started = time.monotonic()
        hypotheses, cut, first = translate(partial, bundle, translator, pairs)
        seconds = time.monotonic() - started
        draw(partial / "heatmaps", first)
        scores = scoring.score(hypotheses, pairs.target)
        facts = {"lines": len(pairs), "lines_cut": cut, "translation_seconds": round(seconds, 2)}
        facts |= scoring.facts(partial, hypotheses, pairs.target)
        write_scores(partial, bundle, scores, decoding, facts)
    announce(folder, split, scores, len(pairs), seconds)
    return Result(folder, scores)


def own_text(source: Path, reference: Path) -> Pairs:
    """Sentences of two files, one a line.

    Raises:
        DataError: they differ in length, are empty, or are not clean text.
    """
    pairs = Pairs(list(read_lines(source)), list(read_lines(reference)))
    if len(pairs.source) != len(pairs.target) or not pairs.source:
        raise DataError(
            f"{source} has {len(pairs.source):,} lines and {reference} {len(pairs.target):,}; "
            "they must have equally many, and at least one"
        )
    return pairs


def translate(
    folder: Path, bundle: Bundle, translator: Translator, pairs: Pairs
) -> tuple[list[str], int, list[Translation]]:
    """Write translations and alignments as they come.

    Returns:
        The translations, how many lines were cut, and the first ones whole, to be drawn.
    """
    hypotheses: list[str] = []
    links: list[Links] = []
    first: list[Translation] = []
    cut = 0
    alignment = translator.aligner.config if translator.aligner else AlignmentConfig()
    with ExitStack() as open_files:
        attention = open_attention(open_files, folder, bundle, translator)
        for number, translation in enumerate(with_progress(translator, pairs.source)):
            hypotheses.append(translation.text)
            cut += translation.cut
            if attention is not None:
                links.append(keep_alignment(attention, translation))
                if number < alignment.heatmaps:
                    first.append(translation)
    write_lines(folder / "sources.txt", pairs.source)
    write_lines(folder / "references.txt", pairs.target)
    write_lines(folder / "hypotheses.txt", hypotheses)
    if attention is not None:
        write_pharaoh(folder / "alignments.pharaoh", links)
    if cut:
        logger.warning("%s lines were longer than the model reads and were cut", f"{cut:,}")
    return hypotheses, cut, first


def with_progress(translator: Translator, lines: list[str]) -> Iterator[Translation]:
    with ProgressReport("translating", len(lines), unit=" lines") as report:
        yield from translator.translate(lines, progress=report.advance)


def open_attention(
    open_files: ExitStack, folder: Path, bundle: Bundle, translator: Translator
) -> AttentionWriter | None:
    """The file of attention weights, where alignments are wanted."""
    if translator.aligner is None:
        return None
    config = translator.aligner.config
    layer = find_layer(bundle.model, config.layer)
    every = range(bundle.model.config.decoder.num_layers)
    metadata = AttentionMetadata(
        role=Role.CROSS.value,
        layers=tuple(every) if config.all_layers else (layer,),
        heads=tuple(
            range(bundle.model.config.num_heads)
            if config.all_layers
            else find_heads(bundle.model, config.heads)
        ),
        averaged=not config.all_layers,
        weights=mechanism(bundle.model, Role.CROSS, layer).weights.value,
    )
    return open_files.enter_context(write_attention(folder / "attention.npz", metadata))


def keep_alignment(attention: AttentionWriter, translation: Translation) -> Links:
    """Write the weights of one sentence; returns its links."""
    found = translation.alignment
    if found is None:  # an empty line
        shape = (len(attention.metadata.layers), len(attention.metadata.heads), 0, 0)
        attention.add(torch.zeros((0, 0) if attention.metadata.averaged else shape), [], [])
        return frozenset()
    weights = found.weights if found.all_weights is None else found.all_weights
    attention.add(weights, found.source_pieces, found.target_pieces)
    return found.links


def draw(folder: Path, translations: list[Translation]) -> None:
    """One heatmap a sentence that was aligned."""
    with ProgressReport("drawing heatmaps", len(translations)) as report:
        for number, translation in enumerate(translations):
            found = translation.alignment
            if found is not None:
                folder.mkdir(exist_ok=True)
                path = folder / f"sentence-{number:05d}.png"
                save_heatmap(
                    path,
                    found.weights,
                    found.source_pieces,
                    found.target_pieces,
                    title=translation.text,
                )
            report.update(number + 1)


def announce(
    folder: Path, split: str, scores: dict[str, Score], lines: int, seconds: float
) -> None:
    logger.info(
        "%s: %s lines in %.1f s (%.0f a second)",
        split,
        f"{lines:,}",
        seconds,
        lines / max(seconds, 1e-9),
    )
    for name, score in scores.items():
        shown = {"bleu": "BLEU", "chrf": "chrF", "ter": "TER"}[name]
        low, high = score.confidence or (score.score, score.score)
        logger.info(
            "  %-4s %6.2f  (95 %%: %.2f to %.2f)  %s",
            shown,
            score.score,
            low,
            high,
            score.signature,
        )
    logger.info("results: %s", folder)
