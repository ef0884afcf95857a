"""Local attention: every query reads the keys in a window around it.

    context_i = sum_j softmax_j(q_i . k_j / sqrt(K)) v_j  over
                |i - j| < window or j < window_sinks,  and j <= i in CAUSAL

Source: Beltagy et al. 2020, "Longformer" (arXiv:2004.05150), section 3.1, sliding window without
dilation; the window here counts the query's position and one side. Time and memory grow with length
times window; the decoding state is the last window - 1 positions.

With `window_sinks`, every query reads that many first positions, too, and the decoding state keeps
them: Xiao et al. 2024, "Efficient Streaming Language Models with Attention Sinks"
(arXiv:2309.17453). There positions are counted within the cache, for texts longer than any that was
trained on. Here keys keep the positions of the text, rotary ones and those of a bias, so that
decoding is what training did.

Shapes: B batch, T queries, H query heads, G key/value heads, K head_dim.
"""

from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import Tensor

from seq2seq.attention.base import AttentionCache
from seq2seq.attention.blocks import Block, block_size, recomputed, split_blocks
from seq2seq.attention.catalogue import LocalConfig
from seq2seq.attention.config import AttentionContext
from seq2seq.attention.patterns import either, first, window
from seq2seq.attention.sparse import SparseCore, keeps_weights
from seq2seq.attention.window_cache import WindowCache
from seq2seq.position.base import LogitBias


class LocalCore(SparseCore[LocalConfig]):
    def __init__(self, config: LocalConfig, context: AttentionContext) -> None:
        super().__init__(config, context)
        self.block = block_size(config.window)

    def pattern(self, i: Tensor, j: Tensor) -> Tensor:
        """Keys less than `window` positions away, on one side in the decoder, and the first
        `window_sinks` positions."""
        near = window(self.config.window)
        return either(near, first(self.config.window_sinks))(i, j)

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
        if self.config.window_sinks and q.size(2) > self.block:
            attend = partial(self.attend_grid, valid=valid, bias=bias, dropout=dropout)
            blocks = split_blocks(q.size(2), self.block, reach, causal=self.causal)
            recompute = keeps_weights(bias, dropout)
            return self.attend_sinks(attend, q, k, v, blocks=blocks, recompute=recompute)
        return self.attend_blocks(
            q, k, v, size=self.block, reach=reach, valid=valid, bias=bias, dropout=dropout
        )

    def attend_sinks(
        self,
        attend: Callable[..., Tensor],
        q: Tensor,
        k: Tensor,
        v: Tensor,
        *,
        blocks: Iterable[Block],
        recompute: bool,
    ) -> Tensor:
        """Blocks of queries and the window's keys, with the first positions.

        Args:
            attend: `attend_grid` of queries, keys, values and their positions.
        """
        size = min(self.config.window_sinks, q.size(2))
        # A split of its own: the gradient of a slice would be as long as the sequence.
        k_first, v_first = (x.split([size, x.size(2) - size], 2)[0] for x in (k, v))
        q_pieces, k_pieces, v_pieces = (x.split(self.block, 2) for x in (q, k, v))

        def attend_block(block: Block) -> Tensor:
            i, j = block.positions(q.device)
            # Those of the first positions that lie on either side of the window's.
            before = min(size, block.first_key)
            after = 0 if self.causal else max(size - block.last_key, 0)
            ends = [torch.arange(before), torch.arange(size - after, size)]
            far = torch.cat(ends).to(q.device)
            keys, values = (
                torch.cat([x_first[:, :, far], block.keys(pieces)], 2)
                for x_first, pieces in ((k_first, k_pieces), (v_first, v_pieces))
            )
            positions = torch.cat([far[None], j], 1)
            return attend(block.queries(q_pieces), keys, values, i, positions)

        return torch.cat([recomputed(attend_block, x, when=recompute) for x in blocks], 2)

    def empty_cache(
        self, batch_size: int, *, capacity: int, dtype: torch.dtype, device: torch.device
    ) -> WindowCache:
        return WindowCache(
            batch_size,
            self.num_kv_heads,
            self.head_dim,
            reach=self.config.window - 1,
            sinks=self.config.window_sinks,
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
        j = cache.positions(keys.size(2))[None]
        i = torch.arange(start, cache.length, device=q.device)[:, None]
        may_read = None if q.size(2) == 1 else self.reads(i, j)
        return self.weighting.fused(
            q, keys, values, may_read=may_read, bias=None if bias is None else bias(i, j)[None]
        )
