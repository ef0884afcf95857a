"""Word alignments of translations: weights from the model, words from the tokenizers."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seq2seq.alignment.config import AlignmentConfig, LinkMethod
from seq2seq.alignment.extract import (
    extract,
    extract_all,
    find_heads,
    find_layer,
    has_weights,
    refuse_without_weights,
)
from seq2seq.alignment.links import Links
from seq2seq.alignment.words import NO_WORD, hard_links, word_weights
from seq2seq.attention.config import Role
from seq2seq.data.tokenizer import Tokenizer, Tokenizers
from seq2seq.errors import ConfigError
from seq2seq.model.transformer import Transformer
from seq2seq.padding import Tokens


@dataclass(frozen=True)
class Side:
    """One side of a sentence pair in subwords, without special ids. words: of each subword, NO_WORD for none."""

    ids: list[int]
    words: list[int]


@dataclass(frozen=True)
class Alignment:
    """Where a translation's subwords look, and which words that links.

    Attributes:
        links: (source word, target word) pairs; a word is a run of non-space characters, counted from 0.
        word_weights: (target words, source words) that the links were read from.
        weights: (T, S) over the pieces, see `seq2seq.alignment.extract`; the last column is the source's end.
        source_pieces, target_pieces: S and T of them.
        all_weights: (layers, heads, T, S), where they were asked for.
    """

    links: Links
    word_weights: Tensor
    weights: Tensor
    source_pieces: list[str]
    target_pieces: list[str]
    all_weights: Tensor | None = None


class Aligner:
    """Aligns translations by the cross-attention of a model; an ensemble by the mean of its models' weights.

    Raises:
        ConfigError: there is no such layer, or it has no weights and they are asked for.
    """

    def __init__(
        self, models: Sequence[Transformer], tokenizers: Tokenizers, config: AlignmentConfig
    ) -> None:
        if problems := config.problems():
            raise ConfigError([f"alignment.{problem}" for problem in problems])
        if config.all_layers and len(models) > 1:
            raise ConfigError(
                "alignment.all_layers: heads of several models do not correspond; choose one model"
            )
        for model in models:
            find_heads(model, config.heads)
            layers = (
                range(model.config.decoder.num_layers)
                if config.all_layers
                else [find_layer(model, config.layer)]
            )
            refuse_without_weights(model, [(Role.CROSS, layer) for layer in layers])
        self.models, self.tokenizers, self.config = list(models), tokenizers, config

    @classmethod
    def if_enabled(
        cls, models: Sequence[Transformer], tokenizers: Tokenizers, config: AlignmentConfig | None
    ) -> "Aligner | None":
        """None where alignments are not wanted, or where they are not insisted on and a model has no weights."""
        if config is None or config.enabled is False:
            return None
        if config.enabled is None and not all(
            has_weights(model, Role.CROSS, find_layer(model, config.layer)) for model in models
        ):
            return None
        return cls(models, tokenizers, config)

    def align(self, sources: Sequence[Side], targets: Sequence[Side]) -> list[Alignment]:
        """Align a batch of sentence pairs."""
        source = Tokens.source([side.ids for side in sources])
        target = Tokens.target([side.ids for side in targets])
        every = self.all_weights(source, target)
        weights = (
            self.weights(source, target) if every is None else [self.mean(each) for each in every]
        )
        tables: Sequence[Tensor | None] = [None] * len(weights) if every is None else every
        return [self.alignment(*row) for row in zip(sources, targets, weights, tables, strict=True)]

    def all_weights(self, source: Tokens, target: Tokens) -> list[Tensor] | None:
        """Of every layer and head, where wanted."""
        if not self.config.all_layers:
            return None
        return [
            each.cpu()
            for each in extract_all(
                self.models[0], source, target, use_input_row=self.config.use_input_row
            )
        ]

    def weights(self, source: Tokens, target: Tokens) -> list[Tensor]:
        """Of the layer and heads chosen, (T, S) for each sentence."""
        c = self.config
        each = [
            extract(m, source, target, layer=c.layer, heads=c.heads, use_input_row=c.use_input_row)
            for m in self.models
        ]
        return [torch.stack(tables).mean(0).cpu() for tables in zip(*each, strict=True)]

    def mean(self, weights: Tensor) -> Tensor:
        """The same as `weights`, from those of every layer and head."""
        model = self.models[0]
        return weights[
            find_layer(model, self.config.layer), find_heads(model, self.config.heads)
        ].mean(0)

    def alignment(
        self, source: Side, target: Side, weights: Tensor, every: Tensor | None
    ) -> Alignment:
        # The sentence end is a column of the weights and no word.
        columns = [*source.words, NO_WORD]
        size = number_of_words(target), number_of_words(source)
        best = self.config.method is not LinkMethod.threshold
        table = word_weights(weights, target.words, columns, *size, per_piece=best)
        links = hard_links(table, self.config.method, self.config.threshold)
        pieces = self.tokenizers.source.pieces([*source.ids, Tokenizer.EOS_ID])
        return Alignment(
            links, table, weights, pieces, self.tokenizers.target.pieces(target.ids), every
        )


def number_of_words(side: Side) -> int:
    """Words up to the last that has a subword."""
    return max(side.words, default=NO_WORD) + 1
