"""Local attention: every query reads the keys in a window around it.

    context_i = sum_j softmax_j(q_i . k_j / sqrt(K)) v_j  over
                |i - j| < window,  and j <= i in CAUSAL

Source: Beltagy et al. 2020, "Longformer" (arXiv:2004.05150), section 3.1, sliding window without
dilation; the window here counts the query's position and one side. Time and memory grow with length
times window; the decoding state is the last window - 1 positions.

Shapes: B batch, T queries, H query heads, G key/value heads, K head_dim.
"""

import torch
from torch import Tensor

from seq2seq.attention.base import AttentionCache
from seq2seq.attention.blocks import block_size
from seq2seq.attention.catalogue import LocalConfig
from seq2seq.attention.config import AttentionContext
from seq2seq.attention.patterns import window
from seq2seq.attention.sparse import SparseCore
from seq2seq.attention.window_cache import WindowCache
from seq2seq.position.base import LogitBias


class LocalCore(SparseCore[LocalConfig]):
    def __init__(self, config: LocalConfig, context: AttentionContext) -> None:
        super().__init__(config, context)
        self.block = block_size(config.window)

    def pattern(self, i: Tensor, j: Tensor) -> Tensor:
        """Keys less than `window` positions away, on one side in the decoder."""
        return window(self.config.window)(i, j)

    def attend(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        *,
        valid: Tensor | None,
        bias: LogitBias | None,
        dropout: float,
    ) -> Tensor:
        reach = self.config.window - 1
        return self.attend_blocks(
            q, k, v, size=self.block, reach=reach, valid=valid, bias=bias, dropout=dropout
        )

    def empty_cache(
        self, batch_size: int, *, capacity: int, dtype: torch.dtype, device: torch.device
    ) -> WindowCache:
        return WindowCache(
            batch_size,
            self.num_kv_heads,
            self.head_dim,
            reach=self.config.window - 1,
            dtype=dtype,
            device=device,
        )

    def step(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        cache: AttentionCache,
        *,
        bias: LogitBias | None = None,
    ) -> Tensor:
        assert isinstance(cache, WindowCache)
        pieces = zip(
            q.split(self.block, 2), k.split(self.block, 2), v.split(self.block, 2), strict=True
        )
        return torch.cat([self.attend_next(*piece, cache, bias) for piece in pieces], 2)

    def attend_next(
        self, q: Tensor, k: Tensor, v: Tensor, cache: WindowCache, bias: LogitBias | None
    ) -> Tensor:
        """Context (B, H, C, K) of the next C positions, which read themselves and the cache."""
        start = cache.length
        keys, values = cache.extend(k, v)
        j = torch.arange(cache.length - keys.size(2), cache.length, device=q.device)[None]
        i = torch.arange(start, cache.length, device=q.device)[:, None]
        may_read = None if q.size(2) == 1 else self.reads(i, j)
        return self.weighting.fused(
            q, keys, values, may_read=may_read, bias=None if bias is None else bias(i, j)[None]
        )
