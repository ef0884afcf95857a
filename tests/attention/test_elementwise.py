"""Gates and weights of single numbers round alike, whatever else the batch holds."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import seq2seq
from seq2seq.attention.config import Role
from seq2seq.attention.decayed import log_decay
from seq2seq.attention.elementwise import GRAIN, alike
from seq2seq.attention.modifiers import OutputGate
from seq2seq.attention.normalisers import entmax, sigmoid_weights
from seq2seq.attention.recurrences import GatedDeltaConfig
from seq2seq.attention.softmax_parts import Part, merge
from tests.attention.cores import core_of

SENTENCES, HEADS = 41, 3  # neither a multiple of what torch computes at once


def gate_by_head(x: Tensor) -> Tensor:
    gate = OutputGate(num_heads=HEADS, head_dim=1, by_head=True)
    gate.weight.data = torch.eye(HEADS)  # a product that is exact
    return gate(x.view(-1, 1, HEADS), torch.ones(len(x), 1, HEADS))


def strengths(x: Tensor) -> Tensor:
    core = core_of(GatedDeltaConfig(), Role.CAUSAL, num_heads=HEADS, head_dim=1)
    return torch.cat(core.update(x.view(-1, HEADS, 1, 1).expand(-1, -1, -1, 3))[1:], -1)


def merged(x: Tensor) -> Tensor:
    totals = x.view(-1, HEADS, 1, 1)
    return merge(Part(torch.ones_like(totals), totals), Part(torch.zeros_like(totals), -totals))


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gate": gate_by_head,
    "decay": log_decay,
    "gated_delta": strengths,
    "merge": merged,
    "sigmoid": lambda x: sigmoid_weights(x, torch.ones_like(x, dtype=torch.bool)),
    "alpha_entmax": lambda x: entmax(x, 1.3),
    **{
        name: lambda x, function=function: alike(function, x)
        for name, function in {"silu": F.silu, "softplus": F.softplus, "exp2": torch.exp2}.items()
    },
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_number_does_not_depend_on_where_it_stands(function: Callable[[Tensor], Tensor]) -> None:
    x = 3 * torch.randn(SENTENCES, HEADS, generator=torch.Generator().manual_seed(0))
    alone = torch.cat([function(x[row : row + 1].clone()) for row in range(SENTENCES)])
    assert torch.equal(function(x), alone)


def test_nor_on_the_share_of_its_thread() -> None:
    x = 3 * torch.randn(3 * GRAIN + 100, generator=torch.Generator().manual_seed(0))
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        together = alike(torch.sigmoid, x)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(together, torch.cat([alike(torch.sigmoid, part) for part in x.split(1_000)]))


def test_nothing_else_takes_a_sigmoid_of_gates() -> None:
    calls = re.compile(r"\.sigmoid\(|\.sigmoid_\(|softplus\(|silu\(")
    package = Path(seq2seq.__file__).parent
    files = [*(package / "attention").rglob("*.py"), *(package / "model").rglob("*.py")]
    assert {path.name for path in files if calls.search(path.read_text(encoding="utf-8"))} == set()


def test_gradients_pass() -> None:
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: alike(torch.sigmoid, x), x)
