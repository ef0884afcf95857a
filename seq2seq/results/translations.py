"""The translations of an evaluation and their alignments, written line by line as they finish."""

import logging
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from seq2seq.alignment.export import (
    AttentionMetadata,
    AttentionWriter,
    write_attention,
    write_pharaoh,
)
from seq2seq.alignment.extract import mechanism
from seq2seq.alignment.links import Links
from seq2seq.attention.config import Role
from seq2seq.data.sources.base import Pairs
from seq2seq.evaluation.align import Aligner
from seq2seq.evaluation.alignment_records import alignment_record
from seq2seq.evaluation.translate import Translator
from seq2seq.evaluation.translation import Translation
from seq2seq.files import atomic_file, write_lines
from seq2seq.progress import ProgressReport
from seq2seq.report.heatmap import save_heatmap
from seq2seq.results.evaluation_files import ATTENTION, LINKS, RECORDS

logger = logging.getLogger(__name__)

BYTES_PER_LINE = 4_000  # of links, subwords and the archive, beside text and weights
BYTES_PER_HEATMAP = 200_000


@dataclass
class Translations:
    """What became of the lines of a test set.

    Attributes:
        hypotheses: the translation of each line.
        num_cut: lines that were longer than the model reads.
        drawn: the first translations, as many as are drawn as heatmaps.
        seconds: that translating took.
    """

    hypotheses: list[str] = field(default_factory=list)
    num_cut: int = 0
    drawn: list[Translation] = field(default_factory=list)
    seconds: float = 0.0


def write_translations(folder: Path, translator: Translator, pairs: Pairs) -> Translations:
    """Translate sources; write them, references, hypotheses, alignments and attention weights."""
    translations = Translations()
    links: list[Links] = []
    aligner = translator.aligner
    started = time.monotonic()
    with ExitStack() as stack:
        attention = records = None
        if aligner is not None:
            path = folder / ATTENTION
            attention = stack.enter_context(write_attention(path, attention_metadata(aligner)))
            records = stack.enter_context(atomic_file(folder / RECORDS))
        report = stack.enter_context(ProgressReport("translating", len(pairs), unit=" lines"))
        found = translator.translate(pairs.source, progress=report.advance)
        for item, translation in zip(pairs.source, found, strict=True):
            translations.hypotheses.append(translation.text)
            translations.num_cut += translation.cut
            if aligner is not None and attention is not None and records is not None:
                record = alignment_record(translator.kind, item, translation)
                records.write(f"{record}\n".encode())
                links.append(add_attention(attention, translation))
                if len(translations.drawn) < aligner.config.heatmaps:
                    translations.drawn.append(translation)
    if aligner is not None:
        write_pharaoh(folder / LINKS, links)
    translations.seconds = time.monotonic() - started
    write_lines(folder / "sources.txt", list(map(str, pairs.source)))
    write_lines(folder / "references.txt", pairs.target)
    write_lines(folder / "hypotheses.txt", translations.hypotheses)
    if translations.num_cut:
        logger.warning(
            "%s lines were longer than the model reads and were cut", f"{translations.num_cut:,}"
        )
    return translations


def room_for(translator: Translator, pairs: Pairs) -> int:
    """Bytes that the files of an evaluation take, roughly: sources and translations are taken to be
    as long as the references, and two bytes of a weight are not compressed.
    """
    text = sum(len(str(line).encode()) for side in (pairs.source, pairs.target) for line in side)
    room = 4 * text + BYTES_PER_LINE * len(pairs)
    if translator.aligner is not None:
        metadata, config = attention_metadata(translator.aligner), translator.aligner.config
        matrices = 1 if metadata.averaged else len(metadata.layers) * len(metadata.heads)
        for tokens in translator.tokenizers.target.encode_batch(pairs.target):
            room += 2 * matrices * len(tokens) ** 2
        room += BYTES_PER_HEATMAP * min(config.heatmaps, len(pairs))
    return room


def attention_metadata(aligner: Aligner) -> AttentionMetadata:
    """What attention.npz holds."""
    config, model = aligner.config, aligner.models[0]
    layers: tuple[int, ...] = (aligner.layer,)
    heads = tuple(aligner.heads)
    if config.all_layers:
        layers = tuple(range(model.config.decoder.num_layers))
        heads = tuple(range(model.config.num_heads))
    return AttentionMetadata(
        role=Role.CROSS.value,
        layers=layers,
        heads=heads,
        averaged=not config.all_layers,
        weights=mechanism(model, Role.CROSS, aligner.layer).exported(),
    )


def add_attention(attention: AttentionWriter, translation: Translation) -> Links:
    """Write the attention weights of one sentence; returns its links."""
    alignment = translation.alignment
    assert alignment is not None, "an aligner aligns every translation"
    weights = alignment.weights if alignment.all_weights is None else alignment.all_weights
    attention.add(weights, alignment.source_subwords, alignment.target_subwords)
    return alignment.links


def draw_heatmaps(folder: Path, translations: list[Translation]) -> None:
    """Draw a heatmap of each sentence that was aligned."""
    if translations:
        folder.mkdir()
    with ProgressReport("drawing heatmaps", len(translations)) as report:
        for number, translation in enumerate(translations):
            alignment = translation.alignment
            assert alignment is not None, "only aligned translations are drawn"
            save_heatmap(
                folder / f"sentence-{number:05d}.png",
                alignment.weights,
                alignment.source_subwords,
                alignment.target_subwords,
                title=translation.text,
            )
            report.update(number + 1)
