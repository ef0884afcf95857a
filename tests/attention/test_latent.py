"""Latent attention: the absorbed form is the plain one, and what a latent is made of."""

import pytest
import torch

from seq2seq.attention.config import AttentionContext, Role
from seq2seq.attention.multihead import MultiHeadAttention
from seq2seq.attention.softmaxes import LatentConfig
from seq2seq.position.config import RopeConfig

CONTEXT = AttentionContext(role=Role.CAUSAL, num_heads=4, head_dim=8, max_length=20)


def layer(*, rotary: bool, groups: int = 1) -> MultiHeadAttention:
    torch.manual_seed(0)
    context = AttentionContext(**{**vars(CONTEXT), "rotary": rotary})
    return MultiHeadAttention(LatentConfig(latent_dim=5, num_kv_heads=groups), context).double()


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("rotary", [False, True])
@torch.no_grad()
def test_the_absorbed_form_equals_the_plain_one(rotary: bool, groups: int) -> None:
    attention, x = layer(rotary=rotary, groups=groups), torch.randn(3, 12, 32).double()
    position = RopeConfig().relative(num_heads=4, head_dim=8, causal=True) if rotary else None
    cache = attention.empty_cache(3, capacity=12, dtype=x.dtype, device=x.device)
    steps = [attention(part, cache=cache, position=position).context for part in x.split(1, 1)]
    whole = attention(x, position=position).context
    # The angles of rotary positions are in float32.
    tolerance = 1e-6 if rotary else 1e-12
    torch.testing.assert_close(torch.cat(steps, 1), whole, atol=tolerance, rtol=0)
    numbers = 5 + (8 if rotary else 0)
    assert cache.nbytes() == 3 * groups * 12 * numbers * 8


@torch.no_grad()
def test_positions_reach_the_logits_by_their_own_part_alone() -> None:
    """With r of zeros, a rotation changes nothing."""
    attention, x = layer(rotary=True), torch.randn(3, 12, 32).double()
    queries = attention.query_key_value.weight[: 4 * 16].view(4, 16, 32)
    queries[:, :8] = 0
    position = RopeConfig().relative(num_heads=4, head_dim=8, causal=True)
    turned = attention(x, position=position).context
    torch.testing.assert_close(turned, attention(x).context, atol=1e-12, rtol=0)


def test_values_are_not_projected() -> None:
    sizes = layer(rotary=False, groups=2).query_key_value.sizes
    assert sizes == [4 * 8, 2 * 5, 0]
