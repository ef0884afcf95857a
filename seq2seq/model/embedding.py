"""Token embeddings, with absolute positions where the scheme has them."""

import math

import torch
from torch import Tensor, nn

from seq2seq.attention.modifiers import unit_rows
from seq2seq.errors import UserError
from seq2seq.model.config import ModelConfig
from seq2seq.model.dropout import Dropout
from seq2seq.model.sublayers import embedding_norm


class Embedding(nn.Module):
    """sqrt(D) E[token] + position, then dropout (Vaswani et al. 2017, sections 3.4 and 3.5).

    With `fix_norm` E[token] is divided by its length; with `embedding_norm` the sum with the
    position is normalised before dropout.

    The table may be shared with the other side and with the output projection; positions are not.
    """

    def __init__(self, config: ModelConfig, table: nn.Embedding, *, max_length: int) -> None:
        super().__init__()
        self.table = table
        self.max_length = max_length
        self.scale = math.sqrt(config.d_model)
        self.position = config.position.absolute(d_model=config.d_model, max_length=max_length)
        self.fix_norm = config.fix_norm
        self.norm = embedding_norm(config)
        self.dropout = Dropout(config.dropout)

    def forward(self, ids: Tensor, *, first: int = 0) -> Tensor:
        """ids: (B, T) at positions first, first + 1, ... Returns (B, T, D).

        Raises:
            UserError: a position lies beyond max_length.
        """
        end = first + ids.size(1)
        ensure_length(end, self.max_length, unit="subwords")
        vectors: Tensor = self.table(ids)
        x = (unit_rows(vectors) if self.fix_norm else vectors) * self.scale
        if self.position is not None:
            x = x + self.position(torch.arange(first, end, device=ids.device))
        out: Tensor = self.dropout(self.norm(x))
        return out


def new_table(vocab_size: int, d_model: int) -> nn.Embedding:
    """Normal vectors of variance 1/D, so that scaled embeddings have variance 1."""
    table = nn.Embedding(vocab_size, d_model)
    nn.init.normal_(table.weight, std=d_model**-0.5)
    return table


def ensure_length(length: int, max_length: int, *, unit: str) -> None:
    """Raise UserError for a sequence that is longer than the model was built for."""
    if length > max_length:
        raise UserError(
            f"a sequence of {length} {unit} was given to a model built for at most {max_length}; "
            "shorten it, or train with a greater model.max_source_length or "
            "model.max_target_length"
        )
