"""The parts of a layer, from a model's parameters to the specification of CTranslate2."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from seq2seq.engine.weights import Array, Weights
from seq2seq.model.config import Activation, ModelConfig, Normalization


class Parts:
    """Writes parameters into the parts of a specification.

    Args:
        weights: of the model, from which they are taken.
    """

    def __init__(self, weights: Weights, config: ModelConfig) -> None:
        self.weights, self.config = weights, config

    def linear(self, spec: Any, name: str) -> None:
        """A linear map with its bias."""
        spec.weight = self.weights.take(f"{name}.weight")
        spec.bias = self.weights.take(f"{name}.bias")

    def norm(self, spec: Any, name: str) -> None:
        """LayerNorm, or RMSNorm, which has no bias."""
        spec.gamma = self.weights.take(f"{name}.weight")
        if self.config.normalization is Normalization.layer_norm:
            spec.beta = self.weights.take(f"{name}.bias")

    def feed_forward(self, spec: Any, name: str) -> None:
        """The feed-forward network of a layer, with its norm."""
        self.norm(spec.layer_norm, f"{name}.feed_forward_residual.norm")
        inner = f"{name}.feed_forward.inner"
        if self.config.activation is Activation.swiglu:
            for part in ("weight", "bias"):
                gate, value = np.split(self.weights.take(f"{inner}.{part}"), 2)
                setattr(spec.linear_0, part, gate)
                setattr(spec.linear_0_noact, part, value)
        else:
            self.linear(spec.linear_0, inner)
        self.linear(spec.linear_1, f"{name}.feed_forward.outer")

    def self_attention(self, spec: Any, name: str, groups: int) -> None:
        """Args: groups: key/value heads."""
        spec.num_heads_kv = np.dtype("int32").type(groups)
        self.linear(spec.linear[0], f"{name}.query_key_value")
        self.linear(spec.linear[1], f"{name}.output")

    def cross_attention(self, spec: Any, name: str, groups: int, order: Sequence[int]) -> None:
        """Cross-attention with a key/value head for each query head.

        Args:
            groups: key/value heads of the model, each repeated for its query heads.
            order: of the heads. A permutation of them changes nothing.
        """
        for part in ("weight", "bias"):
            fused = self.weights.take(f"{name}.query_key_value.{part}")
            queries, keys, values = self._by_head(fused, groups, order)
            setattr(spec.linear[0], part, queries)
            setattr(spec.linear[1], part, np.concatenate([keys, values]))
        output = self.weights.take(f"{name}.output.weight")
        by_head = output.reshape(output.shape[0], self.config.num_heads, -1)
        spec.linear[2].weight = by_head[:, list(order)].reshape(output.shape)
        spec.linear[2].bias = self.weights.take(f"{name}.output.bias")

    def _by_head(self, fused: Array, groups: int, order: Sequence[int]) -> list[Array]:
        """Queries, keys and values (D, ...) of a fused projection, heads in this order."""
        num_heads, rest = self.config.num_heads, fused.shape[1:]
        heads = fused.reshape(num_heads + 2 * groups, -1, *rest)
        queries, keys, values = np.split(heads, [num_heads, num_heads + groups])
        shared = [head * groups // num_heads for head in order]  # the key/value head of each
        chosen = (queries[list(order)], keys[shared], values[shared])
        return [np.ascontiguousarray(part.reshape(-1, *rest)) for part in chosen]
