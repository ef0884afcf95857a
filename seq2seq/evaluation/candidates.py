"""The links that every layer, head and row of a model's cross-attention would give."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from seq2seq.alignment.choose import CandidateLinks, best_words, head_groups, list_candidates
from seq2seq.alignment.config import Measure
from seq2seq.alignment.extract import ensure_weights, has_weights
from seq2seq.alignment.norms import has_norms
from seq2seq.attention.config import Role
from seq2seq.data.kinds.base import Item
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.data.words import NO_WORD
from seq2seq.evaluation.word_aligner import WordAligner
from seq2seq.model.transformer import Transformer


def layers_with_weights(model: Transformer) -> list[int]:
    """Decoder layers whose cross-attention exports weights.

    Raises:
        ConfigError: no layer does.
    """
    layers = range(model.config.decoder.num_layers)
    able = [layer for layer in layers if has_weights(model, Role.CROSS, layer)]
    if not able:
        ensure_weights(model, [(Role.CROSS, layer) for layer in layers])
    return able


def measures_of(model: Transformer) -> tuple[Measure, ...]:
    """The measures that can be read of every decoder layer with weights."""
    gated = not all(has_norms(model, layer) for layer in layers_with_weights(model))
    return (Measure.weights,) if gated else tuple(Measure)


def candidate_links(
    model: Transformer,
    tokenizers: Tokenizers,
    sources: Sequence[Item],
    targets: Sequence[str],
    *,
    rows: Sequence[bool] = (False, True),
    measures: Sequence[Measure] = (Measure.weights,),
    progress: Callable[[int], None] | None = None,
) -> CandidateLinks:
    """Link the words of sentence pairs by every candidate. Words are runs of non-space characters.

    A sentence that is longer than the model reads is aligned without its end.

    Args:
        model: in evaluation mode.
        rows: values of `use_input_row` to try.
        measures: to try.
        progress: called with the number of sentence pairs just aligned.

    Raises:
        ConfigError: no decoder layer has weights, or norms are to be tried and a layer has a gate.
    """
    sources = tokenizers.source.items(sources)
    layers, num_heads = layers_with_weights(model), model.config.num_heads
    aligner = WordAligner(
        [model],
        tokenizers,
        layers=layers,
        heads=head_groups(num_heads),
        rows=rows,
        measures=measures,
    )
    lengths = [
        (len(tokenizers.source.words(source)), len(target.split()))
        for source, target in zip(sources, targets, strict=True)
    ]
    best: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)] * len(lengths)
    for number, table in aligner.tables(sources, targets, progress=progress):
        linked = best_words(table.flatten(0, 2))
        beyond_limit = lengths[number][1] - linked.shape[1]
        best[number] = np.pad(linked, ((0, 0), (0, beyond_limit)), constant_values=NO_WORD)
    return CandidateLinks(list_candidates(layers, num_heads, rows, measures), best, lengths)
