"""Full attention pinned to fused kernels, whose memory grows with the length, not its square.

    context_i = sum_j softmax_j(q_i . k_j / sqrt(K)) v_j,  block by block with a running softmax

torch otherwise falls back to a quadratic kernel silently; here that is an error. Exported weights
come from the formula.

Source: Dao et al. 2022, "FlashAttention" (arXiv:2205.14135), section 3.1, algorithm 1; kernels by
torch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from seq2seq.attention.base import AttentionCache, AttentionOutput, ensure_no_bias
from seq2seq.attention.mechanisms.full import FullCore
from seq2seq.errors import ConfigError
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias

FUSED = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION]


class FlashCore(FullCore):
    keeps_short: ClassVar[bool] = False

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
        ensure_no_bias(bias, "flash")
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
        ensure_no_bias(bias, "flash")
        with only_fused(q):
            return super().step(q, k, v, cache)

    def read_source(self, q: Tensor, cache: AttentionCache) -> Tensor:
        with only_fused(q):
            return super().read_source(q, cache)


@contextmanager
def only_fused(q: Tensor) -> Iterator[None]:
    """Make scaled_dot_product_attention fail where no fused kernel serves.

    Raises:
        ConfigError: it did.
    """
    try:
        with sdpa_kernel(FUSED):
            yield
    except RuntimeError as error:
        if "No available kernel" not in str(error):
            raise
        raise ConfigError(
            f"flash: no fused kernel takes {q.dtype} queries of head_dim {q.size(-1)} with these "
            f"options on {q.device.type}; choose attention `full`"
        ) from error
