"""`MultiHeadAttention`: projections, heads, positions and caches around any `AttentionCore`."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn

from seq2seq.attention.base import AttentionCache, AttentionOutput, build_core
from seq2seq.attention.config import AttentionConfig, AttentionContext, Role
from seq2seq.attention.modifier_options import Gate
from seq2seq.attention.modifiers import OutputGate, QueryKeyNorm
from seq2seq.attention.products import Linear
from seq2seq.attention.projections import QueryKeyValue, on_vectors
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias, Rotation


class MultiHeadAttention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017, section 3.2.2) with an exchangeable core.

    Modifiers of queries and keys act before positions, so that caches hold what a core reads; a
    gate acts on the context before the output projection. A mechanism whose `widths` say so gets
    queries, keys and values of another width than K.

    Shapes: B batch, T queries, S keys, D d_model, H query heads, G key/value heads, K head_dim =
    D / H, W numbers of a head.
    """

    def __init__(self, config: AttentionConfig, context: AttentionContext) -> None:
        super().__init__()
        self.role = context.role
        self.head_dim = context.head_dim
        d_model = context.num_heads * context.head_dim
        self.num_heads = context.num_heads
        self.num_kv_heads = config.num_kv_heads or context.num_heads
        widths = config.widths(context)
        self.query_vectors = widths.query_vectors
        d_query, d_key = self.num_heads * widths.query, self.num_kv_heads * widths.key
        d_value = self.num_kv_heads * widths.value
        self.query_key_value = QueryKeyValue(d_model, (d_query, d_key, d_value))
        self.output = Linear(d_model, d_model)
        self.core = build_core(config, context)
        self.query_key_norm = new_query_key_norm(config, context)
        self.gate = new_gate(config, context)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Glorot-uniform weights and zero biases of the projections."""
        self.query_key_value.reset_parameters()
        nn.init.xavier_uniform_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(
        self,
        x: Tensor,
        source: Tensor | None = None,
        *,
        padding: Padding | None = None,
        cache: AttentionCache | None = None,
        position: Rotation | LogitBias | None = None,
        need_weights: bool = False,
    ) -> AttentionOutput:
        """Attend from x to itself, or in cross-attention to the source.

        Args:
            x: (B, T, D), from which queries are projected. With a self-attention cache: the next T
                positions. With a cross-attention cache of N sentences: B / N rows for each
                sentence, next to each other.
            source: (B, S, D); cross-attention without a cache.
            padding: of the keys; without a cache.
            cache: from `empty_cache` or `source_cache`; self-attention appends to it.
            position: the relative position scheme of the stack; self-attention only.
            need_weights: also return weights (B, H, T, S); without a cache.

        Returns:
            Context (B, T, D), and the weights.

        Raises:
            ConfigError: the mechanism has no weights to export.
        """
        if self.role is Role.CROSS:
            assert position is None, "positions are of self-attention"
            output = self._attend_source(x, source, padding, cache, need_weights)
        else:
            output = self._attend_self(x, padding, cache, position, need_weights)
        # (B, H, T, K) -> (B, T, D)
        context = output.context.transpose(1, 2).flatten(2)
        if self.gate is not None:
            context = self.gate(x, context)
        return AttentionOutput(self.output(context), output.weights)

    def _attend_self(
        self,
        x: Tensor,
        padding: Padding | None,
        cache: AttentionCache | None,
        position: Rotation | LogitBias | None,
        need_weights: bool,
    ) -> AttentionOutput:
        heads = (self.num_heads, self.num_kv_heads, self.num_kv_heads)
        q, k, v = map(self._heads, self.query_key_value(x), heads)
        if self.query_key_norm is not None:
            q = self._on_queries(self.query_key_norm.query, q)
            k = on_vectors(self.query_key_norm.key, k, self.head_dim)
        if isinstance(position, Rotation):
            first = 0 if cache is None else cache.length
            positions = torch.arange(first, first + x.size(1), device=x.device)
            turn = partial(position, positions=positions)
            q, k = self._on_queries(turn, q), on_vectors(turn, k, self.head_dim)
        bias = position if isinstance(position, LogitBias) else None
        with without_autocast(x):
            if cache is not None:
                assert not need_weights, "weights come from forward over whole sequences"
                output = AttentionOutput(self.core.step(q, k, v, cache, bias=bias), None)
            else:
                output = self.core(q, k, v, padding=padding, bias=bias, need_weights=need_weights)
        return AttentionOutput(output.context.to(q.dtype), output.weights)

    def _attend_source(
        self,
        x: Tensor,
        source: Tensor | None,
        padding: Padding | None,
        cache: AttentionCache | None,
        need_weights: bool,
    ) -> AttentionOutput:
        q = self._heads(self.query_key_value.query(x), self.num_heads)
        if self.query_key_norm is not None:
            q = self._on_queries(self.query_key_norm.query, q)
        if cache is not None:
            assert not need_weights, "weights come from forward over whole sequences"
            with without_autocast(x):
                context = self._read_source(q, cache)
            return AttentionOutput(context.to(q.dtype), None)
        assert source is not None
        k, v = self._key_value(source)
        with without_autocast(x):
            output: AttentionOutput = self.core(q, k, v, padding=padding, need_weights=need_weights)
        return AttentionOutput(output.context.to(q.dtype), output.weights)

    def _read_source(self, q: Tensor, cache: AttentionCache) -> Tensor:
        """Context (B, H, T, K); the beams of a sentence are further queries of its cache row."""
        # (N * beams, H, T, K) -> (N, H, beams * T, K) and back
        beams, queries = q.size(0) // max(cache.rows, 1), q.size(2)
        q = q.unflatten(0, (cache.rows, beams)).transpose(1, 2).flatten(2, 3)
        context: Tensor = self.core.read_source(q, cache)
        by_beam: Tensor = context.unflatten(2, (beams, queries)).transpose(1, 2).flatten(0, 1)
        return by_beam

    def _key_value(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values (B, G, S, K) of a source (B, S, D), as the core reads them."""
        k, v = (
            self._heads(projected, self.num_kv_heads)
            for projected in self.query_key_value.key_value(source)
        )
        if self.query_key_norm is not None:
            k = on_vectors(self.query_key_norm.key, k, self.head_dim)
        return k, v

    def _on_queries(self, function: Callable[[Tensor], Tensor], q: Tensor) -> Tensor:
        """A function of the vectors of queries, in place of them."""
        return on_vectors(function, q, self.head_dim, self.query_vectors)

    def value_outputs(self, source: Tensor) -> Tensor:
        """What a source (B, S, D) adds to the output: (B, H, S, D), by a head with all its weight.

        Without a gate, the output of cross-attention at a query is the sum over heads and source
        positions of these times the weights, and the bias.
        """
        v = self.core.values(*self._key_value(source))
        v = v.repeat_interleave(self.num_heads // v.size(1), dim=1)
        projection = self.output.weight.unflatten(1, (self.num_heads, self.head_dim))
        return torch.einsum("bhsk,dhk->bhsd", v.to(projection.dtype), projection)

    def _heads(self, x: Tensor, number: int) -> Tensor:
        """(B, T, number * W) -> (B, number, T, W), in the dtype that the core computes in.

        A change of the dtype writes it in that order, so that no second pass has to.
        """
        width = x.size(-1) // number
        if x.size(1) == 1:  # a step: one view in place of two
            x = x.view(x.size(0), number, 1, width)
        else:
            x = x.unflatten(-1, (number, width)).transpose(1, 2)
        dtype = self.core.compute_dtype(x)
        return x if dtype == x.dtype else x.to(dtype, memory_format=torch.contiguous_format)

    def empty_cache(
        self, batch_size: int, *, capacity: int, dtype: torch.dtype, device: torch.device
    ) -> AttentionCache:
        """A cache for decoding in the role CAUSAL, with room for `capacity` positions."""
        return self.core.empty_cache(batch_size, capacity=capacity, dtype=dtype, device=device)

    def source_cache(self, source: Tensor, padding: Padding | None) -> AttentionCache:
        """A cache of a source (N, S, D) for decoding in the role CROSS: one row per sentence."""
        k, v = self._key_value(source)
        with without_autocast(source):
            return self.core.source_cache(k, v, padding)


def without_autocast(x: Tensor) -> AbstractContextManager[object]:
    """A block in which nothing is cast. (Switching off what is off takes as long as a product.)"""
    device = x.device.type
    on = torch.is_autocast_enabled(device)
    return torch.autocast(device, enabled=False) if on else nullcontext()


def new_query_key_norm(config: AttentionConfig, context: AttentionContext) -> QueryKeyNorm | None:
    """The normalisation of queries and keys of a mechanism that was configured with one."""
    if not config.qk_norm:
        return None
    return QueryKeyNorm(
        num_heads=context.num_heads,
        head_dim=context.head_dim,
        initial_scale=config.qk_norm_scale,
    )


def new_gate(config: AttentionConfig, context: AttentionContext) -> OutputGate | None:
    """The gate of a mechanism that was configured with one."""
    if config.gate is Gate.none:
        return None
    return OutputGate(
        num_heads=context.num_heads,
        head_dim=context.head_dim,
        by_head=config.gate is Gate.head,
    )
