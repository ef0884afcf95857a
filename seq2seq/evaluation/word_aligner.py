"""Word weights of sentence pairs: cross-attention of a model, joined from subwords to words."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seq2seq.alignment.config import AlignmentConfig, LinkMethod
from seq2seq.alignment.extract import (
    attention_weights,
    ensure_weights,
    head_indices,
    layer_index,
    token_rows,
)
from seq2seq.alignment.words import word_weights
from seq2seq.attention.config import Role
from seq2seq.data.batching import batch_by_cost
from seq2seq.data.kinds.base import Item, Units
from seq2seq.data.tokenizers import SideEncoder, Tokenizers
from seq2seq.data.words import NO_WORD, WordSplit, words_of_characters
from seq2seq.decoding.ensemble import EncodedSources, Ensemble
from seq2seq.errors import ConfigError
from seq2seq.model.transformer import Transformer
from seq2seq.padding import Tokens

WEIGHTS_PER_BATCH = 4_000_000  # weights of a batch, over all layers and heads; 16 MB


@dataclass(frozen=True)
class EncodedLine:
    """One side of a sentence pair.

    Attributes:
        units: ids of its subwords, without <s> and </s>, or frames of features.
        words: the number of each unit's word, NO_WORD for none.
        cut: True if the line was longer than the model reads, and its end is left out.
    """

    units: Units
    words: list[int]
    cut: bool = False

    @property
    def num_words(self) -> int:
        """Words up to the last that has a subword."""
        return max(self.words, default=NO_WORD) + 1


def encode_lines(
    encoder: SideEncoder, items: Sequence[Item], limit: int, *, split: WordSplit | None
) -> list[EncodedLine]:
    """The first `limit` units of each item.

    Args:
        split: what is a word; None leaves the words out, which saves time.
    """
    if split is None:
        encoded = [(units, [NO_WORD] * len(units)) for units in encoder.encode_batch(items)]
    else:
        encoded = [encoder.encode_words(item, split) for item in items]
    return [
        EncodedLine(units[:limit], words[:limit], len(units) > limit) for units, words in encoded
    ]


class WordAligner:
    """Reads word weights from the cross-attention of a model, or of an ensemble as their mean.

    Weights are read at every combination of a layer, a group of heads and a choice of row.

    Args:
        models: in evaluation mode.
        layers: of the decoder, from 0, or from the last, -1.
        heads: groups of heads whose mean is read; an empty group is all heads.
        rows: values of `use_input_row`; see `seq2seq.alignment.extract`.

    Raises:
        ConfigError: there is no such layer or head, or a layer's mechanism has no weights.
    """

    def __init__(
        self,
        models: Sequence[Transformer],
        tokenizers: Tokenizers,
        *,
        layers: Sequence[int],
        heads: Sequence[Sequence[int]] = ((),),
        rows: Sequence[bool] = (False,),
    ) -> None:
        self.ensemble, self.tokenizers, self.rows = Ensemble(models), tokenizers, tuple(rows)
        self.heads = [[head_indices(model, group) for group in heads] for model in models]
        self.keys = [
            [(Role.CROSS, layer_index(model, layer)) for layer in layers] for model in models
        ]
        for model, keys in zip(models, self.keys, strict=True):
            ensure_weights(model, keys)

    @classmethod
    def of(
        cls, models: Sequence[Transformer], tokenizers: Tokenizers, config: AlignmentConfig
    ) -> "WordAligner":
        """The layer, heads and row of a configuration.

        Raises:
            ConfigError: an option is wrong, or as above.
        """
        if problems := config.problems():
            raise ConfigError([f"alignment.{problem}" for problem in problems])
        return cls(
            models,
            tokenizers,
            layers=[config.layer],
            heads=[config.heads],
            rows=[config.use_input_row],
        )

    def subword_weights(
        self, encoded: EncodedSources, targets: Sequence[EncodedLine]
    ) -> list[Tensor]:
        """(layers, groups, rows, T, S) on the CPU for each pair of source and target."""
        target = Tokens.target([line.units for line in targets]).to(self.ensemble.device)
        by_model = [
            self._weights_of_model(number, encoded, target)
            for number in range(len(self.ensemble.models))
        ]
        return [torch.stack(tables).mean(0).cpu() for tables in zip(*by_model, strict=True)]

    def _weights_of_model(
        self, number: int, encoded: EncodedSources, target: Tokens
    ) -> list[Tensor]:
        model, keys = self.ensemble.models[number], self.keys[number]
        tables = []
        for weights in attention_weights(model, encoded.sources_of(number), target, keys):
            cross = weights[Role.CROSS]
            grouped = torch.stack([cross[:, group].mean(1) for group in self.heads[number]], 1)
            of_rows = [token_rows(grouped, use_input_row=row) for row in self.rows]
            tables.append(torch.stack(of_rows, 2))
        return tables

    def tables(
        self,
        sources: Sequence[Item],
        targets: Sequence[str],
        *,
        split: WordSplit = words_of_characters,
        source_mean: bool = True,
        progress: Callable[[int], None] | None = None,
    ) -> Iterator[tuple[int, Tensor]]:
        """Word weights of sources and their translations, in batches of similar length.

        Lines that are longer than the models read are aligned without their ends.

        Args:
            split: what is a word.
            source_mean: see `seq2seq.alignment.words.word_weights`.
            progress: called with the number of pairs just aligned.

        Yields:
            The number of a pair, and (layers, groups, rows, target words, source words).
        """
        kind, end = self.tokenizers.source, self.tokenizers.source.end_length
        limits = self.ensemble.max_source_length - end, self.ensemble.max_target_length - 1
        source = encode_lines(kind, kind.items(sources), limits[0], split=split)
        target = encode_lines(self.tokenizers.target, targets, limits[1], split=split)
        pairs = zip(source, target, strict=True)
        sizes = [(len(a.units) + end, len(b.units) + 1) for a, b in pairs]
        matrices = len(self.keys[0]) * self.ensemble.models[0].config.num_heads
        costs = [matrices * width * height for width, height in sizes]
        for batch in batch_by_cost(
            sorted(range(len(sizes)), key=lambda row: sum(sizes[row])), costs, WEIGHTS_PER_BATCH
        ):
            encoded = self.ensemble.encode(kind.batch([source[row].units for row in batch]))
            weights = self.subword_weights(encoded, [target[row] for row in batch])
            for row, table in zip(batch, weights, strict=True):
                yield row, words_of(table, source[row], target[row], source_mean=source_mean)
            if progress is not None:
                progress(len(batch))


def words_of(
    weights: Tensor, source: EncodedLine, target: EncodedLine, *, source_mean: bool
) -> Tensor:
    """Subword weights (..., T, S) to word weights; a </s> in the last column is no word."""
    columns = [*source.words, *[NO_WORD] * (weights.shape[-1] - len(source.words))]
    size = target.num_words, source.num_words
    return word_weights(weights, target.words, columns, *size, source_mean=source_mean)


def uses_source_mean(method: LinkMethod) -> bool:
    """Whether a link method compares source words, so that sums would favour long ones."""
    return method is not LinkMethod.threshold
