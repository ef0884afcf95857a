"""Linear attention: a kernel instead of the softmax, so keys and values are summed once.

With a feature map phi and the keys j that query i may read,

    context_i = phi(q_i) M / (phi(q_i) . n),    M = sum_j phi(k_j) v_j^T,    n = sum_j phi(k_j)

Source: Katharopoulos et al. 2020, "Transformers are RNNs" (arXiv:2006.16236), sections 3.2 to 3.4,
equations 5 to 12. Time and memory grow with the length instead of its square; the decoding state is
(M, n).

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from seq2seq.attention.base import AttentionCache, AttentionCore, AttentionOutput, ensure_no_bias
from seq2seq.attention.catalogue import FeatureMap, LinearConfig
from seq2seq.attention.config import Role
from seq2seq.attention.recurrent import (
    CAUSAL_CHUNK,
    RecurrentCache,
    group_queries,
    kernel_scores,
    kernel_weights,
    merge_groups,
    real_keys,
    with_ones,
)
from seq2seq.attention.reference import rows_normalised, weighted_sum
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias


class LinearCore(AttentionCore[LinearConfig]):
    def formula(
        self, q: Tensor, k: Tensor, v: Tensor, *, may_read: Tensor, bias: Tensor | float
    ) -> AttentionOutput:
        """phi(q) . phi(k), normalised over the keys, times v."""
        relu = self.config.feature_map is FeatureMap.relu
        phi_q, phi_k = [x.relu() if relu else torch.where(x > 0, x + 1, x.exp()) for x in (q, k)]
        return weighted_sum(rows_normalised(phi_q @ phi_k.mT * may_read), v)

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
        """See `AttentionCore.forward`; weights are normalised kernel scores, at quadratic cost."""
        ensure_no_bias(bias, "linear")
        q, k = self.features(group_queries(q, k.size(1))), self.real_features(k, padding)
        cache = self.no_sums(k.size(0), k.device)
        context = self.attend(q, k, with_ones(v), cache)
        if not need_weights:
            return AttentionOutput(context, None)
        scores = kernel_scores(q, k)
        return AttentionOutput(
            context, kernel_weights(scores.tril() if self.role is Role.CAUSAL else scores)
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
        ensure_no_bias(bias, "linear")
        assert isinstance(cache, RecurrentCache)
        q = self.features(group_queries(q, self.num_kv_heads))
        return self.attend(q, self.features(k), with_ones(v), cache)

    def read_source(self, q: Tensor, cache: AttentionCache) -> Tensor:
        assert isinstance(cache, RecurrentCache)
        q = self.features(group_queries(q, self.num_kv_heads))
        return merge_groups(cache.read_separately(q))

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
        """phi(k), zero for padding, which then adds to neither M nor n."""
        k = self.features(k)
        return k if padding is None else k * real_keys(padding)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, cache: RecurrentCache) -> Tensor:
        """Context (B, H, T, K) of features of grouped queries; adds keys and values to the cache.

        Causal queries read earlier chunks through the sums and their own chunk directly.

        Args:
            v: values with ones.
        """
        if self.role is not Role.CAUSAL:
            cache.add(k, v)
            return merge_groups(cache.read(q))
        contexts = []
        for q_c, k_c, v_c in zip(
            q.split(CAUSAL_CHUNK, -2),
            k.split(CAUSAL_CHUNK, -2),
            v.split(CAUSAL_CHUNK, -2),
            strict=True,
        ):
            scores = kernel_scores(q_c, k_c).tril()
            contexts.append(cache.read(q_c, plus=scores @ v_c[:, :, None]))
            cache.add(k_c, v_c)
        return merge_groups(torch.cat(contexts, dim=-2))
