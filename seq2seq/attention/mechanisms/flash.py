"""Full attention pinned to fused kernels: memory grows with the length, and no kernel that forms the weights is taken.

Computes what `full` computes, softmax(q k^T / sqrt(K)) v, block by block with a running softmax. torch otherwise falls
back to a quadratic kernel without a word; here that is an error. Weights, where asked for, come from the formula.

Source: Dao et al. 2022, "FlashAttention" (arXiv:2205.14135), section 3.1, algorithm 1; kernels by torch.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from seq2seq.attention.base import AttentionCache, AttentionOutput, refuse_bias
from seq2seq.attention.mechanisms.full import FullCore
from seq2seq.errors import ConfigError
from seq2seq.padding import Padding
from seq2seq.position.logit_bias import LogitBias

FUSED = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION]


class FlashCore(FullCore):
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
        """As `AttentionCore.forward`.

        Raises:
            ConfigError: a bias was given, or no fused kernel takes these inputs on this device.
        """
        refuse_bias(bias, "flash")
        with only_fused(q):
            return super().forward(q, k, v, padding=padding, need_weights=need_weights)

    def step(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        cache: AttentionCache,
        *,
        bias: LogitBias | None = None,
    ) -> Tensor:
        refuse_bias(bias, "flash")
        with only_fused(q):
            return super().step(q, k, v, cache)

    def read_source(self, q: Tensor, cache: AttentionCache) -> Tensor:
        with only_fused(q):
            return super().read_source(q, cache)


@contextmanager
def only_fused(q: Tensor) -> Iterator[None]:
    """Let scaled_dot_product_attention take a fused kernel or fail."""
    try:
        with sdpa_kernel(FUSED):
            yield
    except RuntimeError as error:
        if "No available kernel" not in str(error):
            raise
        raise ConfigError(
            f"flash: no fused kernel takes {q.dtype} queries of head_dim {q.size(-1)} with these options on "
            f"{q.device.type}; choose attention `full`"
        ) from error
