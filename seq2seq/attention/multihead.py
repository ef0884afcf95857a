"""`MultiHeadAttention`: projections, heads, positions and cache bookkeeping around any `AttentionCore`."""

import torch
from torch import Tensor, nn

from seq2seq.attention.base import AttentionCache, AttentionOutput
from seq2seq.attention.config import AttentionConfig, AttentionContext, Role
from seq2seq.padding import Padding
from seq2seq.position.logit_bias import LogitBias
from seq2seq.position.rotary import Rotary


class MultiHeadAttention(nn.Module):
    """Project to heads, let the core read, project back (Vaswani et al. 2017, section 3.2.2).

    Shapes: B batch, T queries, S keys, D d_model, H query heads, G key/value heads, K head_dim = D / H.
    """

    def __init__(self, config: AttentionConfig, site: AttentionContext) -> None:
        super().__init__()
        self.role = site.role
        self.num_heads = site.num_heads
        self.num_kv_heads = config.num_kv_heads or site.num_heads
        self.head_dim = site.head_dim
        d_model, d_kv = site.num_heads * site.head_dim, self.num_kv_heads * site.head_dim
        self.split = [d_model, d_kv, d_kv]
        # One product for all three in self-attention; in cross-attention keys and values come from the source.
        self.query_key_value = nn.Linear(d_model, d_model + 2 * d_kv)
        self.output = nn.Linear(d_model, d_model)
        self.core = config.build(site)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Glorot-uniform weights, each projection by its own shape; zero biases."""
        for part in self.query_key_value.weight.split(self.split):
            nn.init.xavier_uniform_(part)
        nn.init.xavier_uniform_(self.output.weight)
        nn.init.zeros_(self.query_key_value.bias)
        nn.init.zeros_(self.output.bias)

    def forward(
        self,
        x: Tensor,
        source: Tensor | None = None,
        *,
        padding: Padding | None = None,
        cache: AttentionCache | None = None,
        position: Rotary | LogitBias | None = None,
        need_weights: bool = False,
    ) -> AttentionOutput:
        """Attend from x to itself, or in cross-attention to the source.

        Args:
            x: (B, T, D) queries; with a self-attention cache the next T positions; in cross-attention with a cache of
                N sentences, B / N queries' rows a sentence, side by side.
            source: (B, S, D) in cross-attention without a cache.
            padding: of the key side, without a cache.
            cache: from `new_cache`, brought up to date here.
            position: what the stack's layers share; self-attention only.
            need_weights: also return weights (B, H, T, S); not with a cache.

        Raises:
            ConfigError: the mechanism has no such weights.
        """
        q, k, v = self.project(x, source, cached=cache is not None)
        if isinstance(position, Rotary):
            assert k is not None
            first = 0 if cache is None else cache.length
            positions = torch.arange(first, first + x.size(1), device=x.device)
            q, k = position(q, positions), position(k, positions)
        bias = position if isinstance(position, LogitBias) else None
        with torch.autocast(x.device.type, enabled=False):
            if cache is None:
                assert k is not None and v is not None
                output = self.core(q, k, v, padding=padding, bias=bias, need_weights=need_weights)
            else:
                assert not need_weights, "weights come from forward over whole sequences"
                output = AttentionOutput(self.step(q, k, v, cache, bias), None)
        # (B, H, T, K) -> (B, T, D)
        context = output.context.to(q.dtype).transpose(1, 2).flatten(2)
        return AttentionOutput(self.output(context), output.weights)

    def project(
        self, x: Tensor, source: Tensor | None, *, cached: bool
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """q (B, H, T, K) and k, v (B, G, S, K) in the core's dtype; in cross-attention with a cache q alone."""
        if self.role is not Role.CROSS:
            q, k, v = self.query_key_value(x).split(self.split, dim=-1)
            return self.heads(q), self.heads(k), self.heads(v)
        q = nn.functional.linear(x, *self.parameters_of(slice(self.split[0])))
        if cached:
            return self.heads(q), None, None
        assert source is not None
        return self.heads(q), *self.project_source(source)

    def project_source(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values (B, G, S, K) of a source (B, S, D)."""
        key_value = nn.functional.linear(source, *self.parameters_of(slice(self.split[0], None)))
        k, v = key_value.chunk(2, dim=-1)
        return self.heads(k), self.heads(v)

    def parameters_of(self, rows: slice) -> tuple[Tensor, Tensor]:
        """Weight and bias of some of the three projections."""
        return self.query_key_value.weight[rows], self.query_key_value.bias[rows]

    def heads(self, x: Tensor) -> Tensor:
        """(B, T, heads * K) -> (B, heads, T, K), in the dtype that is exact and fast enough for the core."""
        x = x.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
        return x.to(self.core.compute_dtype(x))

    def step(
        self,
        q: Tensor,
        k: Tensor | None,
        v: Tensor | None,
        cache: AttentionCache,
        bias: LogitBias | None,
    ) -> Tensor:
        """Context (B, H, T, K) of the next positions. The beams of a sentence are extra queries of its one row."""
        if self.role is not Role.CROSS:
            own: Tensor = self.core.step(q, k, v, cache, bias=bias)
            return own
        # (N * beams, H, T, K) -> (N, H, beams * T, K) and back
        beams, queries = q.size(0) // max(cache.rows, 1), q.size(2)
        q = q.unflatten(0, (cache.rows, beams)).transpose(1, 2).flatten(2, 3)
        context: Tensor = self.core.step(q, None, None, cache)
        rows: Tensor = context.unflatten(2, (beams, queries)).transpose(1, 2).flatten(0, 1)
        return rows

    def new_cache(
        self,
        batch_size: int,
        *,
        capacity: int,
        source: Tensor | None = None,
        padding: Padding | None = None,
    ) -> AttentionCache:
        """A cache for decoding.

        Args:
            batch_size: rows of a self-attention cache.
            capacity: the most positions it will hold.
            source: (N, S, D) encoded sentences, in cross-attention.
            padding: of the source.
        """
        if self.role is Role.CROSS:
            assert source is not None
            k, v = self.project_source(source)
            with torch.autocast(source.device.type, enabled=False):
                return self.core.source_cache(k, v, padding)
        like = self.output.weight.new_empty(0, self.num_kv_heads, 0, self.head_dim)
        return self.core.empty_cache(batch_size, capacity=capacity, like=like)
