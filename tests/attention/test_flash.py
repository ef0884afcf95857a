"""Flash attention takes a fused kernel in every path, or fails."""

import warnings

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from seq2seq.attention.catalogue import FlashConfig
from seq2seq.attention.config import Role
from seq2seq.attention.mechanisms.flash import only_fused
from seq2seq.errors import ConfigError
from seq2seq.padding import Padding
from tests.attention.cores import core_of


@pytest.mark.filterwarnings("ignore")  # the profiler's own
@pytest.mark.parametrize("num_kv_heads", [4, 2, 1])
@pytest.mark.parametrize("role", list(Role))
def test_every_path_takes_a_fused_kernel(role: Role, num_kv_heads: int) -> None:
    """Whole, forward and backward; one step, and several tokens at once."""
    core = core_of(FlashConfig(num_kv_heads=num_kv_heads), role, head_dim=16)
    q = torch.randn(2, 4, 9, 16, requires_grad=True)
    k, v = (torch.randn(2, num_kv_heads, 9, 16, requires_grad=True) for _ in range(2))
    padding = Padding(torch.tensor([9, 4]), 9)
    with profile(activities=[ProfilerActivity.CPU]) as trace:
        core(q, k, v, padding=padding).context.sum().backward()
        if role is Role.CROSS:
            core.read_source(q, core.source_cache(k, v, padding))
        elif role is Role.CAUSAL:
            with torch.no_grad():
                cache = core.empty_cache(2, capacity=9, dtype=k.dtype, device=k.device)
                for new in (slice(0, 1), slice(1, 2), slice(2, 9)):
                    core.step(q[:, :, new], k[:, :, new], v[:, :, new], cache)
    events = {event.key for event in trace.key_averages()}
    assert any("flash_attention" in key and "backward" not in key for key in events)
    assert any("flash_attention" in key and "backward" in key for key in events)
    assert not any("dot_product_attention_math" in key or "softmax" in key for key in events)


def test_without_a_fused_kernel_it_fails_instead_of_falling_back() -> None:
    """On CPU none takes heads whose last dimension is not contiguous."""
    q = torch.randn(2, 4, 16, 9).mT
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says why as a warning
        with pytest.raises(ConfigError, match="flash: no fused kernel .* choose attention `full`"):
            core_of(FlashConfig(), Role.ENCODER, head_dim=16)(q, q, q)


def test_other_errors_keep_their_own_message() -> None:
    with pytest.raises(RuntimeError, match="out of memory"), only_fused(torch.randn(1, 1, 1, 1)):
        raise RuntimeError("out of memory")
