"""The plain formula of every mechanism: quadratic, no chunks, no cache, no kernel. What the fast code is held to.

A formula takes a core for its options, parameters and buffers, and heads that are already equal in number. It computes
in float64, so a difference from it is the fast code's error. A new mechanism adds its formula to `FORMULAS`.

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from seq2seq.attention.base import AttentionCore, AttentionOutput
from seq2seq.attention.config import (
    AdditiveConfig,
    AttentionConfig,
    BlockSparseConfig,
    FeatureMap,
    FlashConfig,
    FullConfig,
    LinearConfig,
    LinformerConfig,
    LocalConfig,
    LogSparseConfig,
    PerformerConfig,
    Role,
    StridedConfig,
)
from seq2seq.attention.mechanisms.additive import AdditiveCore
from seq2seq.attention.mechanisms.linear import LinearCore
from seq2seq.attention.mechanisms.linformer import LinformerCore
from seq2seq.attention.mechanisms.performer import PerformerCore
from seq2seq.attention.patterns import pattern
from seq2seq.padding import Padding
from seq2seq.position.logit_bias import LogitBias

Core = AttentionCore[Any]
Formula = Callable[[Core, Tensor, Tensor, Tensor, Tensor, Tensor | float], AttentionOutput]


def reference(
    core: Core,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    padding: Padding | None = None,
    bias: LogitBias | None = None,
) -> AttentionOutput:
    """What `core.forward` must return without dropout: context (B, H, T, K) and weights (B, H, T, S), in float64.

    Args:
        q: (B, H, T, K). k, v: (B, G, S, K).
        padding: of the key side.
        bias: added to the logits.

    Raises:
        KeyError: the mechanism has no formula here.
    """
    i, j = (
        torch.arange(q.size(2), device=q.device)[:, None],
        torch.arange(k.size(2), device=k.device)[None],
    )
    may_read = pattern(core.config, core.role)(i, j).expand(q.size(2), k.size(2))
    if padding is not None:
        may_read = may_read & padding.valid()[:, None, None, :]
    group = q.size(1) // k.size(1)
    kv_head = [head // group for head in range(q.size(1))]
    logit_bias = 0.0 if bias is None else bias(i, j).double()
    return formula_of(core.config)(
        core, q.double(), k.double()[:, kv_head], v.double()[:, kv_head], may_read, logit_bias
    )


def formula_of(config: AttentionConfig) -> Formula:
    """The formula of a mechanism, or of the one it derives from."""
    for kind in type(config).__mro__:
        if kind in FORMULAS:
            return FORMULAS[kind]
    raise KeyError(f"{config.name} has no formula in seq2seq/attention/reference.py")


def dot_product(
    core: Core, q: Tensor, k: Tensor, v: Tensor, may_read: Tensor, bias: Tensor | float
) -> AttentionOutput:
    """softmax(q k^T / sqrt(K) + bias) over what may be read."""
    return read(softmax(q @ k.mT / q.size(-1) ** 0.5 + bias, may_read), v)


def additive(
    core: Core, q: Tensor, k: Tensor, v: Tensor, may_read: Tensor, bias: Tensor | float
) -> AttentionOutput:
    """softmax(sum_d u_d tanh(q_d + k_d) + bias)."""
    assert isinstance(core, AdditiveCore)
    hidden = (q[:, :, :, None] + k[:, :, None]).tanh()  # (B, H, T, S, K)
    logits = (hidden * core.score.double()[:, None, None]).sum(-1)
    return read(softmax(logits + bias, may_read), v)


def linear(
    core: Core, q: Tensor, k: Tensor, v: Tensor, may_read: Tensor, bias: Tensor | float
) -> AttentionOutput:
    """phi(q) . phi(k), normalised."""
    assert isinstance(core, LinearCore)
    relu = core.config.feature_map is FeatureMap.relu
    phi_q, phi_k = [x.relu() if relu else torch.where(x > 0, x + 1, x.exp()) for x in (q, k)]
    return read(normalised(phi_q @ phi_k.mT * may_read), v)


def performer(
    core: Core, q: Tensor, k: Tensor, v: Tensor, may_read: Tensor, bias: Tensor | float
) -> AttentionOutput:
    """phi(q) . phi(k), normalised, with phi_i(x) = exp(w_i . x - |x|^2 / 2) of x / K^(1/4)."""
    assert isinstance(core, PerformerCore)
    group = q.size(1) // core.num_kv_heads
    w = core.projection.double()[[head // group for head in range(q.size(1))]]  # (H, features, K)
    q, k = q / q.size(-1) ** 0.25, k / k.size(-1) ** 0.25
    phi_q, phi_k = [(x @ w.mT - x.square().sum(-1, keepdim=True) / 2).exp() for x in (q, k)]
    return read(normalised(phi_q @ phi_k.mT * may_read), v)


def linformer(
    core: Core, q: Tensor, k: Tensor, v: Tensor, may_read: Tensor, bias: Tensor | float
) -> AttentionOutput:
    """softmax(q (E k)^T / sqrt(K)) (F v) over the slots, with k and v zero where padded."""
    assert isinstance(core, LinformerCore) and core.role is not Role.CAUSAL
    group = q.size(1) // core.num_kv_heads
    kv_head = [head // group for head in range(q.size(1))]
    real = may_read.expand(q.size(0), 1, *may_read.shape[-2:])[:, :, :1].mT  # (B, 1, S, 1)
    e, f = [
        x.double()[kv_head, :, : k.size(2)] for x in (core.key_projection, core.value_projection)
    ]
    k, v = e @ (k * real), f @ (v * real)
    return AttentionOutput((q @ k.mT / q.size(-1) ** 0.5).softmax(-1) @ v, None)


def softmax(logits: Tensor, may_read: Tensor) -> Tensor:
    """Softmax over what may be read; zeros where that is nothing."""
    logits = logits.masked_fill(~may_read, float("-inf"))
    peak = logits.detach().amax(-1, keepdim=True).clamp(min=-1e30)
    return normalised((logits - peak).exp())


def normalised(scores: Tensor) -> Tensor:
    """Rows that sum to one, or are zero."""
    total = scores.sum(-1, keepdim=True)
    return scores / torch.where(total == 0, 1, total)


def read(weights: Tensor, v: Tensor) -> AttentionOutput:
    return AttentionOutput(weights @ v, weights)


FORMULAS: dict[type[AttentionConfig], Formula] = {
    FullConfig: dot_product,
    FlashConfig: dot_product,
    LocalConfig: dot_product,
    StridedConfig: dot_product,
    LogSparseConfig: dot_product,
    BlockSparseConfig: dot_product,
    LinearConfig: linear,
    PerformerConfig: performer,
    LinformerConfig: linformer,
    AdditiveConfig: additive,
}
