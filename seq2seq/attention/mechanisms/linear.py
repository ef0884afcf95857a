"""Linear attention: the softmax becomes a kernel, so keys and values are summed once instead of read by every query.

With a feature map phi and the keys j that query i may read,

    context_i = phi(q_i) M / (phi(q_i) . n),    M = sum_j phi(k_j) v_j^T,    n = sum_j phi(k_j)

Source: Katharopoulos et al. 2020, "Transformers are RNNs" (arXiv:2006.16236), sections 3.2 to 3.4, equations 5 to 12.
Time and memory grow with the length instead of its square; while decoding, (M, n) is all that is remembered.

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from seq2seq.attention.base import AttentionCache, AttentionCore, AttentionOutput, refuse_bias
from seq2seq.attention.config import FeatureMap, LinearConfig, Role
from seq2seq.attention.recurrent import (
    RecurrentCache,
    group_queries,
    kernel_scores,
    merge_groups,
    normalised,
    real_keys,
    with_ones,
)
from seq2seq.padding import Padding
from seq2seq.position.logit_bias import LogitBias

CHUNK = 128  # causal queries that read each other directly


class LinearCore(AttentionCore[LinearConfig]):
    def forward(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        *,
        padding: Padding | None = None,
        bias: LogitBias | None = None,
        need_weights: bool = False,
    ) -> AttentionOutput:
        """As `AttentionCore.forward`; the weights are normalised kernel scores, at quadratic cost."""
        refuse_bias(bias, "linear")
        q, k = self.features(group_queries(q, k.size(1))), self.real_features(k, padding)
        cache = self.no_sums(k.size(0), k.device)
        context = self.read(q, k, with_ones(v), cache)
        if not need_weights:
            return AttentionOutput(context, None)
        scores = kernel_scores(q, k)
        return AttentionOutput(
            context, normalised(scores.tril() if self.role is Role.CAUSAL else scores)
        )

    def empty_cache(
        self, batch_size: int, *, capacity: int, dtype: torch.dtype, device: torch.device
    ) -> RecurrentCache:
        return self.no_sums(batch_size, device)

    def source_cache(self, k: Tensor, v: Tensor, padding: Padding | None) -> RecurrentCache:
        cache = self.no_sums(k.size(0), k.device)
        cache.add(self.real_features(k, padding), with_ones(v))
        return cache

    def step(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        cache: AttentionCache,
        *,
        bias: LogitBias | None = None,
    ) -> Tensor:
        refuse_bias(bias, "linear")
        assert isinstance(cache, RecurrentCache)
        q = self.features(group_queries(q, self.num_kv_heads))
        return self.read(q, self.features(k), with_ones(v), cache)

    def read_source(self, q: Tensor, cache: AttentionCache) -> Tensor:
        assert isinstance(cache, RecurrentCache)
        q = self.features(group_queries(q, self.num_kv_heads))
        return merge_groups(cache.read_each(q))

    def no_sums(self, batch_size: int, device: torch.device) -> RecurrentCache:
        """Sums over no keys."""
        return RecurrentCache(
            batch_size, self.num_kv_heads, self.head_dim, self.head_dim, device=device
        )

    def features(self, x: Tensor) -> Tensor:
        """phi(x) >= 0, in float32."""
        x = x.float()
        return F.relu(x) if self.config.feature_map is FeatureMap.relu else F.elu(x) + 1

    def real_features(self, k: Tensor, padding: Padding | None) -> Tensor:
        """phi(k), zero where padded: a padded key then adds to neither M nor n."""
        k = self.features(k)
        return k if padding is None else k * real_keys(padding)

    def read(self, q: Tensor, k: Tensor, v: Tensor, cache: RecurrentCache) -> Tensor:
        """Context (B, H, T, K) of features of grouped queries; takes the keys, and values with ones, into the cache.

        Causal queries go chunk by chunk: what came before from the sums, what lies inside the chunk directly.
        """
        if self.role is not Role.CAUSAL:
            cache.add(k, v)
            return merge_groups(cache.read(q))
        contexts = []
        for q_c, k_c, v_c in zip(
            q.split(CHUNK, -2), k.split(CHUNK, -2), v.split(CHUNK, -2), strict=True
        ):
            scores = kernel_scores(q_c, k_c).tril()
            contexts.append(cache.read(q_c, plus=scores @ v_c[:, :, None]))
            cache.add(k_c, v_c)
        return merge_groups(torch.cat(contexts, dim=-2))
