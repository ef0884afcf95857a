"""How a core makes weights from logits: a softmax, and the modifiers that act on it.

`Weighting` holds the parameters of these modifiers; without any it is the plain functions of
`seq2seq.attention.kernels` and `seq2seq.attention.short`. A sink stays fused. Other normalisers and
mixing need whole rows of logits: they are computed in chunks of queries, again for the gradient.

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seq2seq.attention.blocks import recomputed
from seq2seq.attention.config import AttentionConfig
from seq2seq.attention.kernels import fused_attention, key_logits, masked_softmax, read_values
from seq2seq.attention.modifier_options import Mixing, Normaliser, Sink
from seq2seq.attention.normalisers import entmax, largest, sigmoid_weights
from seq2seq.attention.short import is_short, short_attention
from seq2seq.attention.sink import logits_with_sink, short_sink_attention, sink_attention

ROW_LOGITS = 2**20  # logits in one chunk of queries


class Weighting(nn.Module):
    """Attention weights as the options of a mechanism modify them.

    With `mixing` (Shazeer et al. 2020, "Talking-Heads Attention", arXiv:2003.02436), for logits s
    of head h, where M and N are (H, H) and begin as identities,

        s'_g = sum_h M_gh s_h,    p_g = softmax(s'_g),    p'_g = sum_h N_gh p_h

    Keys that may not be read are left out of the first sum and of the softmax, and have no weight
    after the second. Position biases are part of s. Weights p' can be negative, and are what is
    exported and dropped. A sink is a logit of the mixed heads.

    Holds the logits (H) of a sink as `sink`, a parameter if it is learned, and M and N as
    `mix_logits` and `mix_weights`. No modifier draws random numbers.
    """

    sink: Tensor | None

    def __init__(self, config: AttentionConfig, num_heads: int) -> None:
        super().__init__()
        if config.sink is Sink.learned:
            self.sink = nn.Parameter(torch.full((num_heads,), float(config.sink_logit)))
        elif config.sink is Sink.zero:
            self.register_buffer("sink", torch.zeros(num_heads), persistent=False)
        else:
            self.sink = None
        first, second = (
            nn.Parameter(torch.eye(num_heads)) if config.mixing in (Mixing.both, part) else None
            for part in (Mixing.logits, Mixing.weights)
        )
        self.mix_logits, self.mix_weights = first, second
        self.normaliser = config.normaliser
        self.alpha, self.top_k = config.entmax_alpha, config.top_k
        self.by_rows = (config.normaliser, config.mixing) != (Normaliser.softmax, Mixing.none)

    def fused(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        *,
        may_read: Tensor | None = None,
        bias: Tensor | None = None,
        dropout: float = 0.0,
        causal: bool = False,
    ) -> Tensor:
        """Context (B, H, T, K), by torch's fused kernels if these can; see `fused_attention`."""
        if self.by_rows:
            return self.chunked(
                q, k, v, may_read=may_read, bias=bias, dropout=dropout, causal=causal
            )
        if self.sink is None:
            return fused_attention(
                q, k, v, may_read=may_read, bias=bias, dropout=dropout, causal=causal
            )
        return sink_attention(
            *(q, k, v),
            sink=self.sink,
            may_read=may_read,
            bias=bias,
            dropout=dropout,
            causal=causal,
        )

    def short(self, q: Tensor, k: Tensor, v: Tensor, may_read: Tensor | None) -> Tensor | None:
        """`fused` of short sequences in training, with the weights kept; None where it is slower.

        Args:
            may_read: boolean, broadcastable to (B, H, T, S), True where a key may be read.
        """
        if self.by_rows or not is_short(q, k, None if self.sink is not None else may_read):
            return None
        if self.sink is None:
            return short_attention(q, k, v, may_read)
        return short_sink_attention(q, k, v, sink=self.sink, may_read=may_read)

    def chunked(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        *,
        may_read: Tensor | None,
        bias: Tensor | None,
        dropout: float,
        causal: bool,
    ) -> Tensor:
        """`fused` from rows of weights, a chunk of queries at a time."""
        size = max(ROW_LOGITS // max(q.size(0) * q.size(1) * k.size(2), 1), 1)

        def attend(q_c: Tensor, start: int) -> Tensor:
            end = start + q_c.size(2)
            read, biases = rows_of(may_read, start, end), rows_of(bias, start, end)
            if causal:
                i = torch.arange(start, end, device=q.device)[:, None]
                read = i >= torch.arange(k.size(2), device=q.device)
            return self.exact(q_c, k, v, may_read=read, bias=biases, dropout=dropout)[0]

        chunks = q.split(size, 2)
        several = len(chunks) > 1
        contexts = [recomputed(attend, x, n * size, when=several) for n, x in enumerate(chunks)]
        return torch.cat(contexts, 2)

    def exact(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        *,
        may_read: Tensor | None = None,
        bias: Tensor | None = None,
        dropout: float = 0.0,
    ) -> tuple[Tensor, Tensor]:
        """Context (B, H, T, K), and weights (B, H, T, S) before dropout; see `fused_attention`."""
        logits = key_logits(wide(q), wide(k)) if self.by_rows else key_logits(q, k)
        weights = self.of_logits(logits if bias is None else logits + bias, may_read)
        return read_values(F.dropout(weights, dropout).to(v.dtype), v), weights

    def of_logits(self, logits: Tensor, may_read: Tensor | None) -> Tensor:
        """Weights of logits (B, H, T, S); rows without a key to read are zero.

        Args:
            logits: may be -inf where a key may not be read if the modifiers are by rows.
            may_read: boolean, broadcastable to (B, H, T, S), True where a key may be read.
        """
        if not self.by_rows:
            return self.softmax(logits, may_read)
        read = ~logits.isneginf()
        read = read if may_read is None else read & may_read
        if self.mix_logits is not None:
            logits = mixed_heads(logits.masked_fill(~read, 0), self.mix_logits)
        weights = self.normalised(logits, read)
        return weights if self.mix_weights is None else mixed_heads(weights, self.mix_weights)

    def normalised(self, logits: Tensor, read: Tensor) -> Tensor:
        """Weights of logits (B, H, T, S) without mixing, by any normaliser; 0 where not `read`."""
        if self.normaliser is Normaliser.sigmoid:
            return sigmoid_weights(logits, read)
        if self.normaliser is Normaliser.top_k:
            read = largest(logits, read, self.top_k)
        if self.normaliser in (Normaliser.softmax, Normaliser.top_k):
            return self.softmax(logits, read)
        fixed = {Normaliser.sparsemax: 2.0, Normaliser.entmax15: 1.5}
        alpha = fixed.get(self.normaliser, self.alpha)
        logits = logits.masked_fill(~read, torch.finfo(logits.dtype).min)
        if self.sink is not None:
            logits = logits_with_sink(logits, self.sink)
        return entmax(logits, alpha)[..., -read.size(-1) :].masked_fill(~read, 0)

    def softmax(self, logits: Tensor, may_read: Tensor | None) -> Tensor:
        """Softmax over the keys that may be read and the sink; without the sink's weight."""
        if self.sink is None:
            return masked_softmax(logits, may_read)
        if may_read is not None:
            logits = logits.masked_fill(~may_read, torch.finfo(logits.dtype).min)
        weights = logits_with_sink(logits, self.sink).softmax(-1)[..., 1:]
        return weights if may_read is None else weights.masked_fill(~may_read, 0)


def mixed_heads(x: Tensor, matrix: Tensor) -> Tensor:
    """sum_h M_gh x_h of x (B, H, T, S) and M (H, H)."""
    return (matrix.to(x.dtype) @ x.flatten(2)).view(x.shape)


def wide(x: Tensor) -> Tensor:
    """In float32, or in float64 if it is."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def rows_of(x: Tensor | None, start: int, end: int) -> Tensor | None:
    """Queries start to end of what broadcasts to (B, H, T, S)."""
    return x if x is None or x.size(-2) == 1 else x[..., start:end, :]
