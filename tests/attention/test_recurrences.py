"""Recurrences with numbers that strain their chunks, and against what they must forget and keep."""

from typing import Any

import pytest
import torch

from seq2seq.attention.config import Role
from seq2seq.attention.contract.batch import ensure_near
from seq2seq.attention.decayed import MATRIX_CHUNK, Update, plain_recurrence, scan
from seq2seq.attention.recurrences import GatedDeltaConfig, GlaConfig
from tests.attention.cores import core_of

LENGTH = 2 * MATRIX_CHUNK + 5


@pytest.mark.parametrize("strength", [None, 0.9], ids=["adding", "replacing"])
@pytest.mark.parametrize("gate", [-30.0, 0.0, 30.0], ids=["keeping", "fading", "fastest"])
def test_chunks_equal_the_recurrence_at_every_pace(gate: float, strength: float | None) -> None:
    core = core_of(GlaConfig(num_kv_heads=1), Role.CAUSAL, num_heads=1)
    generator = torch.Generator().manual_seed(1)
    q, k, v = torch.randn(3, 2, 1, LENGTH, 8, generator=generator)
    k = torch.nn.functional.normalize(k, dim=-1)
    _, g, _ = core.update(torch.cat([k, gate + torch.zeros_like(k)], dim=-1))
    b = None if strength is None else torch.full_like(k[..., :1], strength)
    inputs = [x.requires_grad_() for x in (q, k, v, g.detach())]
    read, _ = scan(q[:, :, None], Update(k, inputs[3], b), v, torch.zeros(2, 1, 8, 8))
    wide = Update(k, inputs[3], b).each(lambda x: x.double())
    expected = plain_recurrence(q.double(), wide) @ v.double()
    direction = torch.randn(expected.shape, generator=generator)
    gradients = torch.autograd.grad((read[:, :, 0] * direction).sum(), inputs)
    exact = torch.autograd.grad((expected * direction).sum(), inputs)
    for actual, wanted in zip((read[:, :, 0], *gradients), (expected, *exact), strict=True):
        ensure_near(actual, wanted, 5e-5, "what is read, or a gradient")


def test_a_key_replaces_what_it_wrote_whatever_its_length() -> None:
    """With strength near one and no decay a key is read as its last value, not as a sum."""
    core = core_of(GatedDeltaConfig(), Role.CAUSAL)
    key = torch.randn(1, 4, 1, 8, generator=torch.Generator().manual_seed(2))
    keys = torch.cat([key, 5 * key, 0.3 * key], dim=2)
    full: Any = torch.full((1, 4, 3, 1), 20.0)  # sigmoid(20) is one, exp(-2 sigmoid(-40)) too
    values = torch.randn(1, 4, 3, 8, generator=torch.Generator().manual_seed(3))
    context = core(100 * keys, torch.cat([keys, full, -2 * full], dim=-1), values).context
    size = values.square().mean(-1, keepdim=True).sqrt()
    torch.testing.assert_close(context, values / size, atol=1e-3, rtol=0)
