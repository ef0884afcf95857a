"""Linear attention: queries without features, sums in float32, a state of constant size."""

import pytest
import torch

from seq2seq.attention.catalogue import FeatureMap, LinearConfig
from seq2seq.attention.config import Role
from tests.attention.cores import core_of


@pytest.mark.parametrize("role", list(Role))
def test_a_query_without_features_returns_zeros(role: Role) -> None:
    """relu(q) is zero, so the normaliser is: zeros in every path, with finite gradients."""
    core = core_of(LinearConfig(feature_map=FeatureMap.relu), role, num_heads=2)
    q, k, v = (torch.randn(1, 2, 5, 8) for _ in range(3))
    q[:, :, 3] = -q[:, :, 3].abs()
    leaves = [x.requires_grad_() for x in (q, k, v)]
    output = core(q, k, v, need_weights=True)
    assert not output.context[:, :, 3].any() and not output.weights[:, :, 3].any()
    assert output.context[:, :, 4].any()
    for gradient in torch.autograd.grad(output.context.sum() + output.weights.sum(), leaves):
        assert gradient.isfinite().all()
    with torch.no_grad():
        if role is Role.CROSS:
            stepped = core.read_source(q, core.source_cache(k, v, None))
        else:
            cache = core.empty_cache(1, capacity=5, dtype=k.dtype, device=k.device)
            stepped = core.step(q, k, v, cache)
    assert not stepped[:, :, 3].any()


@torch.no_grad()
def test_sums_do_not_stop_growing_in_bfloat16() -> None:
    """The mean of 1000 ones and 1000 zeros is a half; bfloat16 cannot count beyond 256."""
    core = core_of(LinearConfig(), Role.CAUSAL, num_heads=2)
    k = torch.zeros(1, 2, 2000, 8, dtype=torch.bfloat16)
    v = torch.ones_like(k)
    v[:, :, 1000:] = 0
    assert core(k, k, v).context[0, 0, -1, 0].item() == pytest.approx(0.5, abs=1e-3)
    cache = core.empty_cache(1, capacity=2000, dtype=k.dtype, device=k.device)
    for t in range(0, 2000, 50):
        new = slice(t, t + 50)
        context = core.step(k[:, :, new], k[:, :, new], v[:, :, new], cache)
    assert context[0, 0, -1, 0].item() == pytest.approx(0.5, abs=1e-3)


@torch.no_grad()
def test_state_does_not_grow_with_the_length() -> None:
    core, sizes = core_of(LinearConfig(), Role.CAUSAL, num_heads=2), []
    for length in (1, 10, 1000):
        x = torch.randn(3, 2, length, 8)
        cache = core.empty_cache(3, capacity=length, dtype=x.dtype, device=x.device)
        core.step(x, x, x, cache)
        sizes.append(cache.nbytes())
    assert sizes == [3 * 2 * (8 * 8 + 8) * 4] * 3  # float32 sums M and n
