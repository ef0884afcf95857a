"""What every layer, head and reading of a model's cross-attention would link, from one pass over the text."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seq2seq.alignment.choose import CandidateLinks, best_words, list_candidates
from seq2seq.alignment.extract import (
    has_weights,
    refuse_without_weights,
    rows_of_tokens,
    weights_of,
)
from seq2seq.alignment.words import NO_WORD, word_weights
from seq2seq.attention.config import Role
from seq2seq.data.batching import batch_by_cost
from seq2seq.data.tokenizer import Tokenizer, Tokenizers
from seq2seq.model.transformer import Transformer
from seq2seq.padding import Tokens

BATCH_WEIGHTS = 4_000_000  # numbers held at a time, 16 MB

Encoded = tuple[list[int], list[int]]  # subwords, and the word of each


def layers_with_weights(model: Transformer) -> list[int]:
    """Decoder layers whose cross-attention can say where it looked.

    Raises:
        ConfigError: there are none.
    """
    every = range(model.config.decoder.num_layers)
    found = [layer for layer in every if has_weights(model, Role.CROSS, layer)]
    if not found:
        refuse_without_weights(model, [(Role.CROSS, layer) for layer in every])
    return found


def candidate_links(
    model: Transformer,
    tokenizers: Tokenizers,
    sources: Sequence[str],
    targets: Sequence[str],
    *,
    readings: Sequence[bool] = (False, True),
    progress: Callable[[int], None] | None = None,
) -> CandidateLinks:
    """Align given translations by every candidate. Words are runs of non-space characters.

    A sentence that is longer than the model reads is aligned without its end.

    Args:
        model: in evaluation mode.
        readings: of `use_input_row`, those to try.
        progress: called with the number of sentence pairs just finished.

    Raises:
        ConfigError: no decoder layer has weights.
    """
    layers = layers_with_weights(model)
    limits = model.config.max_source_length - 1, model.config.max_target_length - 1
    pairs = [
        (encode(tokenizers.source, source, limits[0]), encode(tokenizers.target, target, limits[1]))
        for source, target in zip(sources, targets, strict=True)
    ]
    lengths = [
        (len(source.split()), len(target.split()))
        for source, target in zip(sources, targets, strict=True)
    ]
    candidates = list_candidates(layers, model.config.num_heads, readings)
    best: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)] * len(pairs)
    maps = len(layers) * model.config.num_heads
    costs = [(len(source) + 1) * (len(target) + 1) * maps for (source, _), (target, _) in pairs]
    rows = sorted(range(len(pairs)), key=lambda row: sum(len(ids) for ids, _ in pairs[row]))
    for batch in batch_by_cost(rows, costs, BATCH_WEIGHTS):
        source = Tokens.source([pairs[row][0][0] for row in batch])
        target = Tokens.target([pairs[row][1][0] for row in batch])
        weights = weights_of(model, source, target, Role.CROSS, layers)
        for row, each in zip(batch, weights, strict=True):
            columns = [*pairs[row][0][1], NO_WORD]
            every, words = candidate_weights(each, readings), pairs[row][1][1]
            table = word_weights(every, words, columns, *lengths[row][::-1], per_piece=True)
            best[row] = best_words(table.flatten(0, 2))
        if progress is not None:
            progress(len(batch))
    return CandidateLinks(candidates, best, lengths)


def candidate_weights(weights: Tensor, readings: Sequence[bool]) -> Tensor:
    """(layers, heads, T + 1, S) over decoder inputs to (layers, choices of heads, readings, T, S).

    The order is that of `list_candidates`.
    """
    mean = weights.mean(1, keepdim=True)
    chosen = torch.cat([mean, weights], 1) if weights.shape[1] > 1 else mean
    return torch.stack([rows_of_tokens(chosen, use_input_row) for use_input_row in readings], 2)


def encode(tokenizer: Tokenizer, line: str, most: int) -> Encoded:
    ids, words = tokenizer.word_of_piece(line)
    return ids[:most], words[:most]
