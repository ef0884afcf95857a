"""Hierarchical attention lies between two forms of full attention."""

import pytest
import torch

from seq2seq.attention.catalogue import FullConfig
from seq2seq.attention.config import Role
from seq2seq.attention.softmaxes import HierarchicalConfig
from seq2seq.padding import Padding
from tests.attention.cores import core_of

LENGTH = 13


@pytest.mark.parametrize(("segment_length", "half"), [(LENGTH, 0), (100, 0), (1, 1)])
@pytest.mark.parametrize("role", [Role.ENCODER, Role.CROSS], ids=lambda role: role.name)
def test_the_limits_are_full_attention(role: Role, segment_length: int, half: int) -> None:
    core = core_of(HierarchicalConfig(segment_length=segment_length), role)
    q, k, v = torch.randn(2, 4, LENGTH, 16), *torch.randn(2, 2, 4, LENGTH, 8)
    padding = Padding(torch.tensor([LENGTH, 6]), LENGTH)
    output = core(q, k, v, padding=padding, need_weights=True)
    expected = core_of(FullConfig(), role)(
        q.chunk(2, -1)[half], k, v, padding=padding, need_weights=True
    )
    torch.testing.assert_close(output, expected, atol=1e-6, rtol=1e-5)


def test_weights_are_products_of_both_levels() -> None:
    """Within a segment they are those of its words alone, times one number."""
    core = core_of(HierarchicalConfig(segment_length=4), Role.CROSS)
    q, k, v = torch.randn(2, 4, 3, 16), *torch.randn(2, 2, 4, LENGTH, 8)
    weights = core(q, k, v, need_weights=True).weights
    words = core_of(FullConfig(), Role.CROSS)
    for part in torch.arange(LENGTH).split(4):
        of_segment = weights[..., part].sum(-1, keepdim=True)
        alone = words(q[..., :8], k[:, :, part], v[:, :, part], need_weights=True).weights
        torch.testing.assert_close(weights[..., part], of_segment * alone)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4, 3))
