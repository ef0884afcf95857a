"""Plain formulas in float64, the oracle of every mechanism: the call, and parts that many share.

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim.
"""

from typing import Any

import torch
from torch import Tensor

from seq2seq.attention.base import AttentionCore, AttentionOutput
from seq2seq.attention.config import AttentionConfig
from seq2seq.attention.modifier_options import Normaliser
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias


def reference(
    core: AttentionCore[Any],
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    padding: Padding | None = None,
    bias: LogitBias | None = None,
) -> AttentionOutput:
    """The output that `core.forward` must have without dropout, by the core's formula.

    Args:
        q: (B, H, T, K). k, v: (B, G, S, K).
        padding: of the keys.
        bias: added to the logits.

    Returns:
        Context (B, H, T, K) and weights (B, H, T, S), in float64.

    Raises:
        NotImplementedError: the core has no formula.
    """
    i = torch.arange(q.size(2), device=q.device)[:, None]
    j = torch.arange(k.size(2), device=k.device)[None]
    may_read = core.reads(i, j).expand(q.size(2), k.size(2))
    if padding is not None:
        may_read = may_read & padding.valid()[:, None, None, :]
    kv_head = torch.arange(q.size(1)) // (q.size(1) // k.size(1))
    return core.formula(
        q.double(),
        k.double()[:, kv_head],
        v.double()[:, kv_head],
        may_read=may_read,
        bias=0.0 if bias is None else bias(i, j).double(),
    )


def dot_product_formula(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    may_read: Tensor,
    bias: Tensor | float,
    core: AttentionCore[Any] | None = None,
) -> AttentionOutput:
    """softmax(q k^T / sqrt(K) + bias) v over the keys that may be read.

    Args:
        core: whose modifiers change the softmax; None for none.
    """
    logits = q @ k.mT / q.size(-1) ** 0.5 + bias
    if core is None:
        return weighted_sum(plain_softmax(logits, may_read), v)
    return weighted_sum(plain_weights(core, logits, may_read), v)


def plain_weights(core: AttentionCore[Any], logits: Tensor, may_read: Tensor) -> Tensor:
    """Weights of logits (B, H, T, S) under the modifiers of a core."""
    first, second = core.weighting.mix_logits, core.weighting.mix_weights
    if first is not None:
        logits = torch.einsum("gh,bhts->bgts", first.double(), logits)
    weights = plain_rows(core, logits, may_read)
    return weights if second is None else torch.einsum("gh,bhts->bgts", second.double(), weights)


def plain_rows(core: AttentionCore[Any], logits: Tensor, may_read: Tensor) -> Tensor:
    """Weights of logits (B, H, T, S) by the normaliser of a core, with its sink."""
    config: AttentionConfig = core.config
    if config.normaliser is Normaliser.sigmoid:
        return may_read / (1 + may_read.sum(-1, keepdim=True) * (-logits).exp())
    if config.normaliser is Normaliser.top_k:
        ordered = logits.masked_fill(~may_read, float("-inf")).sort(-1, descending=True).values
        may_read = may_read & (logits >= ordered[..., : config.top_k][..., -1:])
    sink = core.weighting.sink
    if sink is not None:
        always = torch.ones(*may_read.shape[:-1], 1, dtype=torch.bool)
        may_read = torch.cat([may_read, always], -1)
        column = sink.double()[:, None, None].expand(*logits.shape[:-1], 1)
        logits = torch.cat([logits, column], -1)
    if config.normaliser in (Normaliser.softmax, Normaliser.top_k):
        weights = plain_softmax(logits, may_read)
    else:
        fixed = {Normaliser.sparsemax: 2.0, Normaliser.entmax15: 1.5}
        weights = plain_entmax(logits, may_read, fixed.get(config.normaliser, config.entmax_alpha))
    return weights if sink is None else weights[..., :-1]


def plain_entmax(logits: Tensor, may_read: Tensor, alpha: float) -> Tensor:
    """alpha-entmax over the keys that may be read, its threshold by halving an interval.

    The last step, of Newton's method, changes nothing but gives the threshold its gradient.
    """
    power = 1 / (alpha - 1)
    z = (alpha - 1) * logits
    low = z.detach().masked_fill(~may_read, -1e30).amax(-1, keepdim=True) - 1

    def rows(threshold: Tensor) -> Tensor:
        inside = may_read & (z > threshold)
        return torch.where(inside, z - threshold, 1).pow(power) * inside

    for halving in range(1, 60):
        middle = low + 0.5**halving
        low = torch.where(rows(middle).detach().sum(-1, keepdim=True) >= 1, middle, low)
    at_low = rows(low)
    slopes = power * torch.where(at_low > 0, at_low, 1).pow(2 - alpha) * (at_low > 0)
    slope = slopes.detach().sum(-1, keepdim=True)
    excess = at_low.sum(-1, keepdim=True) - 1
    return rows(low + torch.where(slope > 0, excess / slope.clamp(min=1e-9), 0))


def plain_softmax(logits: Tensor, may_read: Tensor) -> Tensor:
    """Softmax over the keys that may be read; a row of zeros where there is none."""
    logits = logits.masked_fill(~may_read, float("-inf"))
    peak = logits.detach().amax(-1, keepdim=True).clamp(min=-1e30)
    return rows_normalised((logits - peak).exp())


def rows_normalised(scores: Tensor) -> Tensor:
    """Rows that sum to one; rows of zeros stay."""
    total = scores.sum(-1, keepdim=True)
    return scores / torch.where(total == 0, 1, total)


def weighted_sum(weights: Tensor, v: Tensor) -> AttentionOutput:
    """Context and weights."""
    return AttentionOutput(weights @ v, weights)
