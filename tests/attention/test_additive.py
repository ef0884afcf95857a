"""Additive attention in chunks, its gradient, its memory and its dropout."""

import pytest
import torch

from seq2seq.attention.catalogue import AdditiveConfig
from seq2seq.attention.config import Role
from seq2seq.attention.mechanisms import additive
from seq2seq.attention.mechanisms.additive import pair_logits
from seq2seq.attention.reference import reference
from seq2seq.padding import Padding
from seq2seq.position.config import T5Config
from seq2seq.position.logit_bias import T5
from tests.attention.cores import core_of

CONFIG = AdditiveConfig(num_kv_heads=2)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("need_weights", [False, True])
def test_chunks_of_any_size_agree_with_the_formula(
    role: Role, need_weights: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Down to one query per chunk: outputs, and gradients of heads, of u and of a trained bias."""
    core, bias = core_of(CONFIG, role), T5(T5Config(), num_heads=4, causal=role is Role.CAUSAL)
    padding = Padding(torch.tensor([23, 9, 0]), 23)
    heads = [torch.randn(3, size, 23, 8, requires_grad=True) for size in (4, 2, 2)]
    inputs = [*heads, core.score, bias.table.weight]
    real = padding.valid()[:, None, :, None]
    expected = reference(core, *heads, padding=padding, bias=bias).context
    expected_gradients = torch.autograd.grad((expected * real).square().sum(), inputs)
    for logits in (1, 3 * 4 * 23 * 5, 10**9):
        monkeypatch.setattr(additive, "CHUNK_LOGITS", logits)
        output = core(*heads, padding=padding, bias=bias, need_weights=need_weights)
        assert torch.allclose(output.context * real, expected.float() * real, atol=1e-5)
        gradients = torch.autograd.grad((output.context * real).square().sum(), inputs)
        for gradient, expected_gradient in zip(gradients, expected_gradients, strict=True):
            assert torch.allclose(gradient, expected_gradient, atol=1e-4)


@pytest.mark.parametrize("seen", [0, 2, 5])
def test_gradient_of_the_scores(seen: int) -> None:
    shapes = [(1, 2, 2, 3, 2), (1, 2, 5, 2), (2, 2, 2)]
    q, k, u = (torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes)
    assert torch.autograd.gradcheck(lambda q, k, u: pair_logits(q, k, u, seen), (q, k, u))


def test_memory_for_the_backward_pass_grows_with_the_length(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Twice the length stores about twice as much; the square would be four times."""
    monkeypatch.setattr(additive, "CHUNK_LOGITS", 2048)
    core, sizes = core_of(CONFIG, Role.ENCODER), []
    for length in (64, 128):
        heads = [torch.randn(1, size, length, 8, requires_grad=True) for size in (4, 2, 2)]
        storages: dict[int, int] = {}

        def pack(x: torch.Tensor, storages: dict[int, int] = storages) -> torch.Tensor:
            storages[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
            return x

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
            core(*heads).context.sum()
        sizes.append(sum(storages.values()))
    assert sizes[1] < 2.5 * sizes[0], sizes


def test_recomputed_chunks_drop_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradient of v, from a loss that sums the context, is the sum of its dropped weights."""
    monkeypatch.setattr(additive, "CHUNK_LOGITS", 100)
    core = core_of(AdditiveConfig(num_kv_heads=2, dropout=0.5), Role.ENCODER).train()
    q, k = torch.randn(1, 4, 20, 8), torch.randn(1, 2, 20, 8)
    v = torch.eye(20)[None, None, :, :].expand(1, 2, 20, 20).clone().requires_grad_()
    # Values are unit vectors, so the context (1, 4, 20, 20) is the dropped weights.
    weights = core(q, k, v).context
    (gradient,) = torch.autograd.grad(weights.sum(), v)
    by_kv_head = weights[0].unflatten(0, (2, 2))
    assert torch.allclose(gradient[0, :, :, 0], by_kv_head.sum((1, 2)), atol=1e-5)
