"""Token ids to vectors, with absolute positions where the scheme has them."""

import math

import torch
from torch import Tensor, nn

from seq2seq.errors import UserError
from seq2seq.model.config import ModelConfig
from seq2seq.model.dropout import Dropout


class Embedding(nn.Module):
    """sqrt(D) E[token] + position, then dropout (Vaswani et al. 2017, sections 3.4 and 3.5).

    The table may be shared between stacks and with the output projection; positions belong to the stack.
    """

    def __init__(self, config: ModelConfig, table: nn.Embedding, *, max_length: int) -> None:
        super().__init__()
        self.table = table
        self.max_length = max_length
        self.scale = math.sqrt(config.d_model)
        self.position = config.position.absolute(d_model=config.d_model, max_length=max_length)
        self.dropout = Dropout(config.dropout)

    def forward(self, ids: Tensor, *, first: int = 0) -> Tensor:
        """ids: (B, T) at positions first, first + 1, ... Returns (B, T, D).

        Raises:
            UserError: a position lies beyond max_length.
        """
        end = first + ids.size(1)
        if end > self.max_length:
            raise UserError(
                f"a sequence of {end} subwords was given to a model made for at most {self.max_length}; "
                "cut the text, or train with a greater model.max_source_length / model.max_target_length"
            )
        x: Tensor = self.table(ids) * self.scale
        if self.position is not None:
            x = x + self.position(torch.arange(first, end, device=ids.device))
        out: Tensor = self.dropout(x)
        return out


def new_table(vocab_size: int, d_model: int) -> nn.Embedding:
    """Vectors drawn so that both the scaled embedding and the tied output start at a reasonable size."""
    table = nn.Embedding(vocab_size, d_model)
    nn.init.normal_(table.weight, std=d_model**-0.5)
    return table
