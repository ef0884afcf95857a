"""Frontends: the input layer of the encoder, from sources of any kind to states."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seq2seq.attention.products import Linear
from seq2seq.model.config import ModelConfig, TiedEmbeddings
from seq2seq.model.dropout import Dropout
from seq2seq.model.embedding import Embedding, ensure_length, new_table
from seq2seq.model.sublayers import embedding_norm
from seq2seq.padding import Features, Padding, SourceBatch, Tokens


@dataclass(frozen=True)
class VocabularySpec:
    """Sources are token ids below `size`."""

    size: int

    def __str__(self) -> str:
        return f"{self.size} subwords"


@dataclass(frozen=True)
class FeatureSpec:
    """Sources are frames of `width` floats."""

    width: int

    def __str__(self) -> str:
        return f"frames of {self.width} features"


SourceSpec = VocabularySpec | FeatureSpec


class Frontend(nn.Module, ABC):
    """Turns a batch of sources into the states that the encoder's layers read.

    Attributes:
        spec: the sources it takes; models of an ensemble must agree in it.
    """

    spec: SourceSpec

    @abstractmethod
    def forward(self, source: SourceBatch) -> tuple[Tensor, Padding]:
        """States (B, S, D) and their padding, whose width S need not be that of the source.

        Raises:
            UserError: a source is longer than the model was built for.
        """


class TokenFrontend(Frontend):
    """Token ids to embeddings."""

    def __init__(self, embedding: Embedding) -> None:
        super().__init__()
        self.embedding = embedding
        self.spec = VocabularySpec(embedding.table.num_embeddings)

    def forward(self, source: SourceBatch) -> tuple[Tensor, Padding]:
        assert isinstance(source, Tokens), "this model reads token ids"
        return self.embedding(source.ids), source.padding


class FeatureFrontend(Frontend):
    """Frames of F floats to W x + b + position, then dropout. Padded frames are not read.

    With `embedding_norm` the sum is normalised before dropout.
    """

    def __init__(self, config: ModelConfig, width: int) -> None:
        super().__init__()
        self.spec = FeatureSpec(width)
        self.max_length = config.max_source_length
        self.projection = Linear(width, config.d_model)
        nn.init.xavier_uniform_(self.projection.weight)
        nn.init.zeros_(self.projection.bias)
        self.position = config.position.absolute(d_model=config.d_model, max_length=self.max_length)
        self.norm = embedding_norm(config)
        self.dropout = Dropout(config.dropout)

    def forward(self, source: SourceBatch) -> tuple[Tensor, Padding]:
        assert isinstance(source, Features), "this model reads frames of features"
        ensure_length(source.padding.width, self.max_length, unit="frames")
        real = source.padding.valid()[..., None]
        x: Tensor = self.projection(source.values.masked_fill(~real, 0.0))
        if self.position is not None:
            x = x + self.position(torch.arange(x.size(1), device=x.device))
        return self.dropout(self.norm(x)), source.padding


def build_frontend(
    config: ModelConfig, source: SourceSpec, *, target_table: nn.Embedding
) -> Frontend:
    """The frontend of a configuration; with three-way tied embeddings it shares `target_table`."""
    if isinstance(source, FeatureSpec):
        return FeatureFrontend(config, source.width)
    tied = config.tied_embeddings is TiedEmbeddings.all
    table = target_table if tied else new_table(source.size, config.d_model)
    return TokenFrontend(Embedding(config, table, max_length=config.max_source_length))
