"""report.html of an evaluation: its sentences, their scores, and the attention of all roles."""

import logging
from collections.abc import Iterator
from pathlib import Path

import torch

from seq2seq.alignment.extract import attention_weights, has_weights, mechanism
from seq2seq.attention.config import Role
from seq2seq.bundle.files import Bundle, load_bundle
from seq2seq.config.schema import split_problem
from seq2seq.data.batching import batch_by_cost
from seq2seq.data.kinds.base import Units
from seq2seq.errors import ConfigError, DataError
from seq2seq.files import identity_of
from seq2seq.metrics.score import Scorer
from seq2seq.model.encoder import AttentionKey
from seq2seq.model.transformer import Transformer
from seq2seq.padding import Tokens
from seq2seq.progress import ProgressReport
from seq2seq.report.html import write_report
from seq2seq.report.page import Layer, Page, Sentence, SentenceWeights
from seq2seq.results.evaluation_files import EvaluationFiles, decoded_tokens, read_evaluation
from seq2seq.results.evaluation_folder import REPORT, SCORES, ensure_writable, evaluation_folder

logger = logging.getLogger(__name__)

DEFAULT_SENTENCES = 500
BATCH_WEIGHTS = 8_000_000  # weights of a batch, over all roles, layers and heads; 32 MB


def report_run(
    run: Path, split: str, *, sentences: int = DEFAULT_SENTENCES, output: Path | None = None
) -> Path:
    """Write `evaluation/<split>/report.html` of a run or bundle, or `<output>/<split>/report.html`.

    Args:
        output: the evaluation is read from there if there is one, else from the run's folder.
        sentences: attention is exported for this many of the first sentences; the page lists all.

    Returns:
        The page's path.

    Raises:
        ConfigError: an option is wrong, or a metric of the evaluation is not registered.
        UserError: no such run, it was not evaluated on the split, its files do not fit together,
            or the page cannot be written there.
    """
    if sentences < 0:
        raise ConfigError(
            f"sentences: must not be negative, as {sentences} is; 0 exports no attention"
        )
    if problem := split_problem(split):
        raise ConfigError(f"split: {problem}")
    bundle = load_bundle(run)
    folder = evaluation_folder(run, split, output)
    present = folder if (folder / SCORES).is_file() else evaluation_folder(run, split)
    version = identity_of(present / SCORES)
    evaluation = read_evaluation(bundle, present)
    ensure_writable(folder / REPORT)
    page = page_of(bundle, evaluation, sentences)
    path = folder / REPORT
    if identity_of(present / SCORES) != version:
        raise DataError(
            f"{present} was evaluated again while its report was made; make the report again"
        )
    write_report(path, page, sentence_weights(bundle, evaluation, page))
    logger.info("report: %s (%.1f MB)", path, path.stat().st_size / 1e6)
    return path


def page_of(bundle: Bundle, evaluation: EvaluationFiles, sentences: int) -> Page:
    """The page without its weights."""
    count = len(evaluation.sources)
    source, target = bundle.config.data.languages()
    logger.info("scoring each of %s sentences", f"{count:,}")
    scoring = evaluation.scoring
    scorer = Scorer(
        scoring.target_language or target,
        list(evaluation.scores),
        scoring.protocol,
        bleu_tokenizer=scoring.bleu_tokenizer,
    )
    scores = scorer.sentences(evaluation.hypotheses, evaluation.references)
    kind, links = bundle.tokenizers.source, evaluation.links
    return Page(
        title=f"{bundle.config.name}: {evaluation.folder.name}",
        description=f"{source} to {target} · {count:,} sentences · {evaluation.folder.resolve()}",
        metrics=scorer.metrics,
        scores=evaluation.scores,
        roles={role: layers(bundle.model, role) for role in Role},
        num_heads=bundle.model.config.num_heads,
        sentences=[
            Sentence(
                source=kind.words(item),
                hypothesis=evaluation.hypotheses[number],
                reference=evaluation.references[number],
                links=frozenset() if links is None else links[number],
                scores=scores[number],
                caption=kind.caption(item),
            )
            for number, item in enumerate(evaluation.sources)
        ],
        with_attention=min(sentences, count),
        word=kind.word,
        no_links="" if links is not None else "This evaluation wrote no alignments.",
    )


def layers(model: Transformer, role: Role) -> list[Layer]:
    """The mechanisms of a role, layer by layer."""
    stack = model.config.encoder if role is Role.ENCODER else model.config.decoder
    configs = [mechanism(model, role, layer) for layer in range(stack.num_layers)]
    return [Layer(config.name, config.weights) for config in configs]


def sentence_weights(
    bundle: Bundle, evaluation: EvaluationFiles, page: Page
) -> Iterator[tuple[int, SentenceWeights]]:
    """Weights of all roles, layers and heads, of the first sentences that are not empty.

    Yields:
        The number of a sentence, and its weights.
    """
    keys = [
        (role, layer)
        for role in Role
        for layer in range(len(page.roles[role]))
        if has_weights(bundle.model, role, layer)
    ]
    if not keys or not page.with_attention:
        return
    sources, targets = read_units(bundle, evaluation, page.with_attention)
    numbers = [number for number, units in enumerate(sources) if len(units)]
    matrices = len(keys) * page.num_heads
    costs = [
        matrices * (max(len(source), len(target)) + 1) ** 2
        for source, target in zip(sources, targets, strict=True)
    ]
    with ProgressReport("reading attention", page.with_attention, unit=" sentences") as progress:
        for batch in batch_by_cost(numbers, costs, BATCH_WEIGHTS):
            weights = batch_weights(
                bundle, keys, [sources[n] for n in batch], [targets[n] for n in batch]
            )
            yield from zip(batch, weights, strict=True)
            progress.update(batch[-1] + 1)


def read_units(
    bundle: Bundle, evaluation: EvaluationFiles, count: int
) -> tuple[list[Units], list[list[int]]]:
    """Units of the first `count` sources and ids of their translations, as long as can be read."""
    config, kind = bundle.model.config, bundle.tokenizers.source
    sources = kind.encode_batch(evaluation.sources[:count])
    targets = decoded_tokens(evaluation, bundle.tokenizers.target, count)
    max_source = config.max_source_length - kind.end_length
    max_target = config.max_target_length - 1
    return [units[:max_source] for units in sources], [ids[:max_target] for ids in targets]


@torch.inference_mode()
def batch_weights(
    bundle: Bundle, keys: list[AttentionKey], sources: list[Units], targets: list[list[int]]
) -> list[SentenceWeights]:
    """Weights of each sentence of a batch, on the CPU."""
    model, kind = bundle.model, bundle.tokenizers.source
    encoded = model.encode(kind.batch(sources).to(model.device), weights_of=frozenset(keys))
    by_sentence = attention_weights(model, encoded, Tokens.target(targets).to(model.device), keys)
    return [
        SentenceWeights(
            kind.labels(source),
            bundle.tokenizers.target.subwords(target),
            {role: table.cpu() for role, table in weights.items()},
        )
        for source, target, weights in zip(sources, targets, by_sentence, strict=True)
    ]
