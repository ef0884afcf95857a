"""Word weights of sentence pairs: cross-attention of a model, joined from subwords to words."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from seq2seq.alignment.config import AlignmentConfig, LinkMethod, Measure
from seq2seq.alignment.extract import (
    attention_weights,
    ensure_weights,
    head_indices,
    layer_index,
    token_rows,
)
from seq2seq.alignment.norms import contribution_norms, ensure_norms, products_of_values
from seq2seq.alignment.words import between_like_words, marks, word_weights
from seq2seq.attention.config import Role
from seq2seq.data.batching import batch_by_cost
from seq2seq.data.kinds.base import Item
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.data.words import NO_WORD, WordSplit, words_of_characters
from seq2seq.decoding.ensemble import EncodedSources, Ensemble
from seq2seq.errors import ConfigError
from seq2seq.evaluation.encoded_line import EncodedLine, encode_lines
from seq2seq.model.encoder import Encoded
from seq2seq.model.transformer import Transformer
from seq2seq.padding import Tokens

WEIGHTS_PER_BATCH = 4_000_000  # weights of a batch, over all layers and heads; 16 MB


class WordAligner:
    """Reads word weights from the cross-attention of a model, or of an ensemble as their mean.

    Weights, or norms in their place, are read at every combination of a layer, a group of heads and
    a reading, which is a row and a measure.

    Args:
        models: in evaluation mode.
        layers: of the decoder, from 0, or from the last, -1.
        heads: groups of heads whose mean is read; an empty group is all heads.
        rows: values of `use_input_row`; see `seq2seq.alignment.extract`.
        measures: what is read at each row; see `seq2seq.alignment.norms`.

    Raises:
        ConfigError: there is no such layer or head, a layer's mechanism has no weights, or norms
            are to be read of a layer with a gate.
    """

    def __init__(
        self,
        models: Sequence[Transformer],
        tokenizers: Tokenizers,
        *,
        layers: Sequence[int],
        heads: Sequence[Sequence[int]] = ((),),
        rows: Sequence[bool] = (False,),
        measures: Sequence[Measure] = (Measure.weights,),
    ) -> None:
        self.ensemble, self.tokenizers = Ensemble(models), tokenizers
        self.rows, self.measures = tuple(rows), tuple(measures)
        self.heads = [[head_indices(model, group) for group in heads] for model in models]
        self.keys = [
            [(Role.CROSS, layer_index(model, layer)) for layer in layers] for model in models
        ]
        for model, keys in zip(models, self.keys, strict=True):
            ensure_weights(model, keys)
            if Measure.norm in measures:
                ensure_norms(model, [layer for _, layer in keys])

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
            measures=[config.measure],
        )

    def subword_weights(
        self, encoded: EncodedSources, targets: Sequence[EncodedLine]
    ) -> list[Tensor]:
        """(layers, groups, readings, T, S) on the CPU for each pair of source and target.

        Readings are by row, and then by measure.
        """
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
        source = encoded.sources_of(number)
        products = self._products(model, [layer for _, layer in keys], source)
        tables = []
        for row, weights in enumerate(attention_weights(model, source, target, keys)):
            cross = weights[Role.CROSS]
            measured = [
                self._measured(measure, cross, self.heads[number], [x[row] for x in products])
                for measure in self.measures
            ]
            readings = [
                token_rows(table, use_input_row=use_input_row)
                for use_input_row in self.rows
                for table in measured
            ]
            tables.append(torch.stack(readings, 2))
        return tables

    @torch.inference_mode()
    def _products(self, model: Transformer, layers: Sequence[int], source: Encoded) -> list[Tensor]:
        """`products_of_values` of each layer, if norms are read."""
        if Measure.norm not in self.measures:
            return []
        return [products_of_values(model, layer, source.states) for layer in layers]

    def _measured(
        self,
        measure: Measure,
        weights: Tensor,
        groups: Sequence[Sequence[int]],
        products: Sequence[Tensor],
    ) -> Tensor:
        """(layers, groups, T + 1, S) of a sentence from its weights (layers, H, T + 1, S)."""
        if measure is Measure.weights:
            return torch.stack([weights[:, group].mean(1) for group in groups], 1)
        columns = weights.size(-1)
        return torch.stack(
            [
                torch.stack(
                    [
                        contribution_norms(of_layer[group], table[:columns][:, group][:, :, group])
                        for group in groups
                    ]
                )
                for of_layer, table in zip(weights, products, strict=True)
            ]
        )

    def linkable(
        self, weights: Tensor, source: EncodedLine, target: EncodedLine, *, source_mean: bool
    ) -> Tensor:
        """`words_of`, without weights between words and punctuation marks."""
        columns = words_of_columns(source, weights.shape[-1])
        found = (
            marks(self.tokenizers.target.subwords(target.units), target.words),
            marks(self.tokenizers.source.labels(source.units), columns),
        )
        table = words_of(weights, source, target, source_mean=source_mean)
        return between_like_words(table, *found) if any(found) else table

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
            The number of a pair, and (layers, groups, readings, target words, source words).
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
                yield row, self.linkable(table, source[row], target[row], source_mean=source_mean)
            if progress is not None:
                progress(len(batch))


def words_of(
    weights: Tensor, source: EncodedLine, target: EncodedLine, *, source_mean: bool
) -> Tensor:
    """Subword weights (..., T, S) to word weights; a </s> in the last column is no word."""
    columns = words_of_columns(source, weights.shape[-1])
    size = target.num_words, source.num_words
    return word_weights(weights, target.words, columns, *size, source_mean=source_mean)


def words_of_columns(source: EncodedLine, width: int) -> list[int]:
    """(S,) the word of each source position, NO_WORD for a </s> in the last."""
    return [*source.words, *[NO_WORD] * (width - len(source.words))]


def uses_source_mean(method: LinkMethod) -> bool:
    """Whether a link method compares source words, so that sums would favour long ones."""
    return method is not LinkMethod.threshold
