"""Beams that continue each other without a copy: steps equal whole histories."""

from typing import Any

import pytest
import torch

from seq2seq.attention.base import build_core
from seq2seq.attention.beam_cache import MOST_BEAMS, BeamCache
from seq2seq.attention.catalogue import FullConfig
from seq2seq.attention.config import AttentionContext, Role
from seq2seq.attention.modifier_options import Mixing, Sink
from seq2seq.position.config import AlibiConfig

HEADS, HEAD_DIM = 4, 8
# Positions of a step, then for each sentence that stays its number, and the hypotheses that its
# new ones continue.
STEPS = [
    (2, {0: [0, 0, 0], 1: [0, 0, 0], 2: [0, 0, 0]}),
    (1, {0: [2, 0, 2], 1: [0, 1, 2], 2: [1, 1, 1]}),
    (3, {0: [1, 0], 2: [2, 2]}),
    (1, {1: [1, 0, 0, 1], 0: [0, 0, 0, 0]}),
    (1, {0: [3], 1: [2]}),
    (2, {0: [0] * (MOST_BEAMS + 1), 1: [0] * (MOST_BEAMS + 1)}),
    (1, {0: [0, 4], 1: [0, 1]}),
    (1, {0: [0, 1], 1: [1, 0]}),
]


@pytest.mark.parametrize(
    ("options", "position"),
    [
        pytest.param({}, None, id="plain"),
        pytest.param({"sink": Sink.learned, "sink_logit": 1.0}, AlibiConfig(), id="bias and sink"),
        pytest.param({"mixing": Mixing.both}, None, id="mixing"),
    ],
)
@pytest.mark.parametrize("until", [5, len(STEPS)], ids=["few beams", "many beams"])
@torch.no_grad()
def test_beams_read_what_they_continue(
    options: dict[str, Any], position: AlibiConfig | None, until: int
) -> None:
    torch.manual_seed(1)
    context = AttentionContext(
        role=Role.CAUSAL, num_heads=HEADS, head_dim=HEAD_DIM, max_length=20, layer=0, seed=0
    )
    core = build_core(FullConfig(num_kv_heads=2, **options), context)
    bias = position and position.relative(num_heads=HEADS, head_dim=HEAD_DIM, causal=True)
    cache = core.empty_cache(3, capacity=20, dtype=torch.float32, device=torch.device("cpu"))
    assert isinstance(cache, BeamCache)
    history = [torch.empty(3, heads, 0, HEAD_DIM) for heads in (HEADS, 2, 2)]
    beams = 1
    for length, parents in STEPS[:until]:
        new = [torch.randn(len(x), x.size(1), length, HEAD_DIM) for x in history]
        history = [torch.cat([old, x], 2) for old, x in zip(history, new, strict=True)]
        stepped = core.step(*new, cache, bias=bias)
        whole = core(*history, bias=bias).context[:, :, -length:]
        torch.testing.assert_close(stepped, whole)
        rows = torch.tensor([[beams * n + b for b in of] for n, of in parents.items()])
        cache.reorder_beams(rows, torch.tensor(list(parents)))
        history, beams = [x[rows.flatten()] for x in history], rows.size(1)
        assert (cache.rows, cache.length) == (rows.numel(), history[0].size(2))
    cache.reorder(torch.tensor([1, 0, 1]))
    history = [x[[1, 0, 1]] for x in history]
    new = [torch.randn(3, x.size(1), 1, HEAD_DIM) for x in history]
    history = [torch.cat([old, x], 2) for old, x in zip(history, new, strict=True)]
    whole = core(*history, bias=bias).context[:, :, -1:]
    torch.testing.assert_close(core.step(*new, cache, bias=bias), whole)
