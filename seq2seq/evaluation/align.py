"""Word alignments of translations: weights from the model, words from the tokenizers."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.alignment.extract import ensure_weights, has_weights, head_indices, layer_index
from seq2seq.alignment.links import Links
from seq2seq.alignment.words import hard_links
from seq2seq.attention.config import Role
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.decoding.ensemble import EncodedSources
from seq2seq.errors import ConfigError
from seq2seq.evaluation.encoded_line import EncodedLine
from seq2seq.evaluation.word_aligner import (
    WordAligner,
    uses_source_mean,
    words_of,
    words_of_columns,
)
from seq2seq.model.transformer import Transformer


@dataclass(frozen=True)
class Alignment:
    """The attention of a translation, and the links read from it.

    Attributes:
        links: (source word, target word) pairs; words are runs of non-space characters, from 0.
        word_weights: (target words, source words) from which the links were read.
        weights: (T, S) over subwords; the last column belongs to the </s> of a source of text.
        source_subwords, target_subwords: S and T of them; frames are named by their numbers.
        word_of_source, word_of_target: (S,) and (T,) the word of each subword, NO_WORD for none.
        all_weights: (layers, heads, T, S) with `alignment.all_layers`.
    """

    links: Links
    word_weights: Tensor
    weights: Tensor
    source_subwords: list[str]
    target_subwords: list[str]
    word_of_source: list[int]
    word_of_target: list[int]
    all_weights: Tensor | None = None


class Aligner:
    """Aligns translations by the layer and heads of a configuration.

    Raises:
        ConfigError: an option is wrong, there is no such layer or head, or the layer's mechanism
            has no weights.
    """

    def __init__(
        self, models: Sequence[Transformer], tokenizers: Tokenizers, config: AlignmentConfig
    ) -> None:
        self.words = WordAligner.of(models, tokenizers, config)
        self.models, self.tokenizers, self.config = list(models), tokenizers, config
        self.layer = layer_index(models[0], config.layer)
        self.heads = head_indices(models[0], config.heads)
        if config.all_layers:
            if len(models) > 1:
                raise ConfigError(
                    "alignment.all_layers: heads of several models do not correspond; "
                    "choose one model"
                )
            layers = range(models[0].config.decoder.num_layers)
            ensure_weights(models[0], [(Role.CROSS, layer) for layer in layers])
            heads = [[head] for head in range(models[0].config.num_heads)]
            self.words = WordAligner(
                models,
                tokenizers,
                layers=layers,
                heads=[*heads, config.heads],
                rows=[config.use_input_row],
                measures=[config.measure],
            )

    @classmethod
    def if_enabled(
        cls, models: Sequence[Transformer], tokenizers: Tokenizers, config: AlignmentConfig | None
    ) -> "Aligner | None":
        """None if alignment is off, or left automatic and a model has no attention weights."""
        if config is None or config.enabled is False:
            return None
        if config.enabled is None and not all(
            has_weights(model, Role.CROSS, layer_index(model, config.layer)) for model in models
        ):
            return None
        return cls(models, tokenizers, config)

    def align(
        self,
        encoded: EncodedSources,
        sources: Sequence[EncodedLine],
        targets: Sequence[EncodedLine],
    ) -> list[Alignment]:
        """Align a batch of sources, as the models encoded them, with their translations."""
        rows = zip(sources, targets, self.words.subword_weights(encoded, targets), strict=True)
        return [self._alignment(*row) for row in rows]

    def _alignment(self, source: EncodedLine, target: EncodedLine, weights: Tensor) -> Alignment:
        """Args: weights: (layers, groups, 1, T, S)."""
        weights, all_weights = weights[:, :, 0], None
        if self.config.all_layers:
            all_weights = weights[:, :-1]
            weights = weights[self.layer, -1]
        else:
            weights = weights[0, 0]
        return self.link(source, target, weights, all_weights)

    def link(
        self,
        source: EncodedLine,
        target: EncodedLine,
        weights: Tensor,
        all_weights: Tensor | None = None,
    ) -> Alignment:
        """Link the words of a sentence pair by weights (T, S) over its subwords."""
        method = self.config.method
        source_mean = uses_source_mean(method)
        table = self.words.linkable(weights, source, target, source_mean=source_mean)
        null_links = self.config.null_links
        probabilities = words_of(weights, source, target, source_mean=False) if null_links else None
        return Alignment(
            hard_links(table, method, self.config.threshold, probabilities=probabilities),
            table,
            weights,
            self.tokenizers.source.labels(source.units),
            self.tokenizers.target.subwords(target.units),
            words_of_columns(source, weights.shape[-1]),
            target.words,
            all_weights,
        )

    def empty(self) -> Alignment:
        """The alignment of an empty line."""
        line = EncodedLine([], [])
        config, width = self.models[0].config, self.tokenizers.source.end_length
        shape = (config.decoder.num_layers, config.num_heads, 0, width)
        all_weights = torch.zeros(shape) if self.config.all_layers else None
        return self.link(line, line, torch.zeros(0, width), all_weights)
