"""What a layer does beside attention: the position-wise network, and normalisation."""

from torch import Tensor, nn
from torch.nn import functional as F

from seq2seq.model.config import Activation, ModelConfig, Normalization
from seq2seq.model.dropout import Dropout


class FeedForward(nn.Module):
    """Two products with an activation between them (Vaswani et al. 2017, section 3.3): (..., D) to (..., D).

    SwiGLU gates the activation with a third product (Shazeer 2020, arXiv:2002.05202); d_ff is then the gated width.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.activation = config.activation
        width = config.d_ff * 2 if config.activation is Activation.swiglu else config.d_ff
        self.inner = nn.Linear(config.d_model, width)
        self.outer = nn.Linear(config.d_ff, config.d_model)
        self.dropout = Dropout(config.dropout)
        for part in self.inner.weight.split(config.d_ff):
            nn.init.xavier_uniform_(part)
        nn.init.xavier_uniform_(self.outer.weight)
        nn.init.zeros_(self.inner.bias)
        nn.init.zeros_(self.outer.bias)

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.inner(x)
        if self.activation is Activation.swiglu:
            gate, value = hidden.chunk(2, dim=-1)
            hidden = F.silu(gate) * value
        else:
            hidden = F.relu(hidden) if self.activation is Activation.relu else F.gelu(hidden)
        out: Tensor = self.outer(self.dropout(hidden))
        return out


def new_norm(config: ModelConfig) -> nn.Module:
    """LayerNorm (Ba et al. 2016) or RMSNorm (Zhang and Sennrich 2019) over d_model."""
    if config.normalization is Normalization.rms_norm:
        return nn.RMSNorm(config.d_model, eps=1e-6)
    return nn.LayerNorm(config.d_model)
