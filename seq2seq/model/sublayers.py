"""Parts of a layer beside attention: feed-forward network, residual connection, norm."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seq2seq.attention.elementwise import alike
from seq2seq.attention.modifiers import unit_rows
from seq2seq.attention.products import Linear
from seq2seq.model.config import Activation, ModelConfig, Normalization, NormPlacement
from seq2seq.model.dropout import Dropout


class FeedForward(nn.Module):
    """Two projections with an activation between them (Vaswani et al. 2017, section 3.3).

    (..., D) to (..., D). SwiGLU gates the activation with a third projection (Shazeer 2020,
    arXiv:2002.05202); d_ff is then the gated width. Squared ReLU is max(x, 0)^2 (So et al. 2021,
    arXiv:2109.08668, section 4.2).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.activation = config.activation
        width = config.d_ff * 2 if config.activation is Activation.swiglu else config.d_ff
        self.inner = Linear(config.d_model, width)
        self.outer = Linear(config.d_ff, config.d_model)
        self.dropout = Dropout(config.dropout)
        for part in self.inner.weight.split(config.d_ff):
            nn.init.xavier_uniform_(part)
        nn.init.xavier_uniform_(self.outer.weight)
        nn.init.zeros_(self.inner.bias)
        nn.init.zeros_(self.outer.bias)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.outer(self.activated(self.inner(x)))
        return out

    def activated(self, hidden: Tensor) -> Tensor:
        """The hidden layer (..., d_ff) after activation and dropout."""
        if self.activation is Activation.relu:
            return self.dropout.after_relu(hidden)
        if self.activation is Activation.swiglu:
            gate, value = hidden.chunk(2, dim=-1)
            hidden = alike(F.silu, gate) * value
        elif self.activation is Activation.gelu:
            hidden = F.gelu(hidden)
        else:
            hidden = F.relu(hidden).square()
        dropped: Tensor = self.dropout(hidden)
        return dropped


class Residual(nn.Module):
    """Residual connection around a sub-layer f: pre-norm x + f(norm(x)), post-norm norm(x + f(x)).

    Source: Xiong et al. 2020, "On Layer Normalization in the Transformer Architecture"
    (arXiv:2002.04745), section 3.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.pre_norm = config.norm is NormPlacement.pre
        self.norm = new_norm(config)
        self.dropout = Dropout(config.dropout)

    def pre(self, x: Tensor) -> Tensor:
        """The sub-layer's input: normalised in pre-norm."""
        out: Tensor = self.norm(x) if self.pre_norm else x
        return out

    def post(self, x: Tensor, output: Tensor) -> Tensor:
        """x plus the sub-layer's output after dropout; normalised in post-norm."""
        x = self.dropout.added_to(x, output)
        return x if self.pre_norm else self.norm(x)


class ScaleNorm(nn.Module):
    """g x / |x| over d_model, with one learned number g, which begins at sqrt(D).

    Source: Nguyen and Salazar 2019, "Transformers without Tears" (arXiv:1910.05895), section 3.2.
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((1,), d_model**0.5))

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) to (..., D)."""
        return unit_rows(x) * self.weight


def new_norm(config: ModelConfig) -> nn.Module:
    """LayerNorm (Ba et al. 2016), RMSNorm (Zhang and Sennrich 2019) or ScaleNorm over d_model."""
    if config.normalization is Normalization.scale_norm:
        return ScaleNorm(config.d_model)
    if config.normalization is Normalization.rms_norm:
        return nn.RMSNorm(config.d_model, eps=1e-6)
    return nn.LayerNorm(config.d_model)


def final_norm(config: ModelConfig) -> nn.Module:
    """Normalisation after the last layer, which pre-norm stacks need; else the identity."""
    return new_norm(config) if config.norm is NormPlacement.pre else nn.Identity()


def embedding_norm(config: ModelConfig) -> nn.Module:
    """Normalisation of what enters a stack, where it is configured; else the identity."""
    return new_norm(config) if config.embedding_norm else nn.Identity()
