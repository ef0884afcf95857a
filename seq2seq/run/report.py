"""Collects what report.html shows: an evaluation's files, sentence scores, and the attention of all three roles."""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from seq2seq.alignment.export import AttentionFile, text_array
from seq2seq.alignment.extract import attention_weights, has_weights, mechanism
from seq2seq.alignment.links import Links, ensure_bounds, read_pharaoh
from seq2seq.attention.config import Role
from seq2seq.bundle.files import Bundle, load_bundle
from seq2seq.data.batching import batch_by_cost
from seq2seq.data.kinds.base import Item, Units
from seq2seq.data.tokenizer import Tokenizer
from seq2seq.errors import ConfigError, DataError
from seq2seq.files import read_lines
from seq2seq.metrics.protocol import ScoringProtocol
from seq2seq.metrics.score import Score, Scorer
from seq2seq.model.transformer import Transformer
from seq2seq.padding import Tokens
from seq2seq.processes import command_name
from seq2seq.progress import ProgressReport
from seq2seq.report.html import Layer, Page, Sentence, SentenceWeights, write_report
from seq2seq.run.scoring import KEYS

logger = logging.getLogger(__name__)

DEFAULT_SENTENCES = 500
BATCH_WEIGHTS = 8_000_000  # numbers held at a time, 32 MB


@dataclass(frozen=True)
class EvaluationFiles:
    """The files of `evaluation/<split>/`: a source, hypothesis and reference for each sentence.

    Attributes:
        links: of each sentence; None where the evaluation wrote no alignments.
        scores: of the corpus, by the metrics' names.
        protocol: of the scores.
    """

    folder: Path
    sources: list[Item]
    hypotheses: list[str]
    references: list[str]
    links: list[Links] | None
    scores: dict[str, Score]
    protocol: ScoringProtocol


def report_run(run: Path, split: str, *, sentences: int = DEFAULT_SENTENCES) -> Path:
    """Write `evaluation/<split>/report.html` of a run or bundle.

    The decoder reads the tokens that it produced, from attention.npz; without that file, those into
    which the tokenizer splits the translation.

    Args:
        sentences: attention is exported for this many of the first sentences; the page lists all.

    Returns:
        The page's path.

    Raises:
        UserError: no such run, it was not evaluated on the split, its files do not fit together, or
            a metric of the evaluation is not registered.
    """
    if sentences < 0:
        raise ConfigError(
            f"sentences: must not be negative, as {sentences} is; 0 exports no attention"
        )
    bundle = load_bundle(run)
    evaluation = read_evaluation(bundle, run / "evaluation" / split)
    page = describe(bundle, evaluation, split, sentences)
    path = evaluation.folder / "report.html"
    write_report(path, page, attention(bundle, evaluation, page))
    logger.info("report: %s (%.1f MB)", path, path.stat().st_size / 1e6)
    return path


def read_evaluation(bundle: Bundle, folder: Path) -> EvaluationFiles:
    """Read what an evaluation wrote.

    Raises:
        DataError: there is none, or its files do not have the same number of lines.
    """
    names = ("sources.txt", "hypotheses.txt", "references.txt", "scores.json")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise DataError(
            f"{folder} has no {', '.join(missing)}; evaluate first: "
            f"{command_name('evaluate')} run={folder.parent.parent} split={folder.name}"
        )
    sources, hypotheses, references = (read_lines(folder / name) for name in names[:3])
    if not len(sources) == len(hypotheses) == len(references):
        raise DataError(
            f"{folder} has {len(sources):,} sources, {len(hypotheses):,} hypotheses and "
            f"{len(references):,} references; the counts must be equal: evaluate again"
        )
    items = source_items(bundle, folder, sources)
    links = None
    if (folder / "alignments.pharaoh").is_file():
        links = read_pharaoh(folder / "alignments.pharaoh")
        sides = zip(map(bundle.tokenizers.source.words, items), hypotheses, strict=True)
        lengths = [(len(words), len(hypothesis.split())) for words, hypothesis in sides]
        ensure_bounds(links, lengths, path=folder / "alignments.pharaoh")
    scores, protocol = read_scores(folder / "scores.json")
    return EvaluationFiles(folder, items, hypotheses, references, links, scores, protocol)


def source_items(bundle: Bundle, folder: Path, lines: list[str]) -> list[Item]:
    """The sources of an evaluation: those of the bundle's own split, or stored beside their lines.

    Raises:
        DataError: they are neither.
    """
    held_out = bundle.held_out.get(folder.name)
    if held_out is not None and list(map(str, held_out.source)) == lines:
        return held_out.source
    return bundle.tokenizers.source.load_items(folder / "sources", lines)


def read_scores(path: Path) -> tuple[dict[str, Score], ScoringProtocol]:
    """Corpus scores by the metrics' names, and their protocol, as an evaluation wrote them."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        entries = {name: entry for name, entry in content.items() if name not in KEYS}
        scores = {
            name: Score(float(entry["score"]), str(entry["signature"]))
            for name, entry in entries.items()
        }
        return scores, ScoringProtocol(content["protocol"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: not the scores of an evaluation ({error!r}); evaluate again"
        ) from error


def describe(bundle: Bundle, evaluation: EvaluationFiles, split: str, sentences: int) -> Page:
    """The page without its weights."""
    count = len(evaluation.sources)
    source, target = bundle.config.data.languages()
    logger.info("scoring each of %s sentences", f"{count:,}")
    scorer = Scorer(target, list(evaluation.scores), evaluation.protocol)
    scores = scorer.sentences(evaluation.hypotheses, evaluation.references)
    links = (
        evaluation.links if evaluation.links is not None else [frozenset[tuple[int, int]]()] * count
    )
    kind = bundle.tokenizers.source
    rows = zip(
        map(kind.words, evaluation.sources),
        evaluation.hypotheses,
        evaluation.references,
        links,
        scores,
        map(kind.caption, evaluation.sources),
        strict=True,
    )
    return Page(
        title=f"{bundle.config.name}: {split}",
        description=f"{source} to {target} · {count:,} sentences · {evaluation.folder.resolve()}",
        metrics=scorer.metrics,
        scores=evaluation.scores,
        roles={role: layers(bundle.model, role) for role in Role},
        num_heads=bundle.model.config.num_heads,
        sentences=[Sentence(*row) for row in rows],
        with_attention=min(sentences, count),
        word=kind.word,
        no_links="" if evaluation.links is not None else "This evaluation wrote no alignments.",
    )


def layers(model: Transformer, role: Role) -> list[Layer]:
    """The mechanisms of a role, layer by layer."""
    stack = model.config.encoder if role is Role.ENCODER else model.config.decoder
    found = [mechanism(model, role, layer) for layer in range(stack.num_layers)]
    return [Layer(each.name, each.weights) for each in found]


def attention(
    bundle: Bundle, evaluation: EvaluationFiles, page: Page
) -> Iterator[tuple[int, SentenceWeights]]:
    """Weights of all roles, layers and heads, of the first sentences that are not empty."""
    wanted = [
        (role, layer)
        for role in Role
        for layer in range(len(page.roles[role]))
        if has_weights(bundle.model, role, layer)
    ]
    if not wanted or not page.with_attention:
        return
    sources, targets = tokens(bundle, evaluation, page.with_attention)
    numbers = [number for number, units in enumerate(sources) if len(units)]
    with ProgressReport("reading attention", page.with_attention, unit=" sentences") as progress:
        maps = len(wanted) * page.num_heads
        costs = [
            maps * (max(len(source), len(target)) + 1) ** 2
            for source, target in zip(sources, targets, strict=True)
        ]
        for batch in batch_by_cost(numbers, costs, BATCH_WEIGHTS):
            yield from weights(bundle, wanted, batch, sources, targets)
            progress.update(batch[-1] + 1)


def tokens(
    bundle: Bundle, evaluation: EvaluationFiles, count: int
) -> tuple[list[Units], list[list[int]]]:
    """Units of the first `count` sources and ids of translations, cut to what the model reads."""
    config = bundle.model.config
    sources = bundle.tokenizers.source.encode_batch(evaluation.sources[:count])
    path, lines = evaluation.folder / "attention.npz", evaluation.hypotheses[:count]
    tokenizer = bundle.tokenizers.target
    targets = produced(tokenizer, path, lines) if path.is_file() else tokenizer.encode_batch(lines)
    max_source = config.max_source_length - bundle.tokenizers.source.end_length
    max_target = config.max_target_length - 1
    return [units[:max_source] for units in sources], [ids[:max_target] for ids in targets]


def produced(tokenizer: Tokenizer, path: Path, lines: Sequence[str]) -> list[list[int]]:
    """The ids that the decoder produced, which need not be those into which its translation is split.

    Raises:
        DataError: the file is damaged, or is not of these translations.
    """
    pieces = text_array(tokenizer.pieces(range(tokenizer.vocab_size))).tolist()
    id_of = {piece: index for index, piece in enumerate(pieces)}
    found = []
    with AttentionFile(path) as file:
        for number, line in enumerate(lines):
            given = file[number].target_subwords if number < len(file) else []
            found.append([id_of.get(piece, tokenizer.UNK_ID) for piece in given])
            if tokenizer.decode(found[-1]) != line:
                raise DataError(
                    f"{path}: sentence {number} is not that of hypotheses.txt; evaluate again"
                )
    return found


@torch.inference_mode()
def weights(
    bundle: Bundle,
    wanted: list[tuple[Role, int]],
    batch: list[int],
    sources: list[Units],
    targets: list[list[int]],
) -> list[tuple[int, SentenceWeights]]:
    """One pass over a batch, cut into sentences."""
    device, kind = bundle.model.device, bundle.tokenizers.source
    source = kind.batch([sources[n] for n in batch]).to(device)
    target = Tokens.target([targets[n] for n in batch]).to(device)
    encoded = bundle.model.encode(source, weights_of=frozenset(wanted))
    result = []
    sentences = attention_weights(bundle.model, encoded, target, wanted)
    for number, by_role in zip(batch, sentences, strict=True):
        own = {role: weights.cpu() for role, weights in by_role.items()}
        source_pieces = kind.labels(sources[number])
        target_pieces = bundle.tokenizers.target.pieces(targets[number])
        result.append((number, SentenceWeights(source_pieces, target_pieces, own)))
    return result
