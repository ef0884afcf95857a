"""Sparse attention in blocks and in parts: equal to the formula, and nowhere quadratic."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from seq2seq.attention.blocks import split_blocks
from seq2seq.attention.catalogue import (
    BlockSparseConfig,
    LocalConfig,
    LogSparseConfig,
    StridedConfig,
)
from seq2seq.attention.config import AttentionConfig, Role
from seq2seq.attention.mechanisms.strided import by_class, by_position
from seq2seq.attention.reference import reference
from seq2seq.attention.softmax_parts import dense_part, gathered_part, merge
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias
from seq2seq.position.config import T5Config
from tests.attention.cores import core_of
from tests.attention.sparse import both_roles, every_sparse, random_heads, sparse_core

LONG: list[AttentionConfig] = [
    LocalConfig(),
    StridedConfig(stride=64),
    LogSparseConfig(),
    BlockSparseConfig(),
]
with_and_without_bias = pytest.mark.parametrize("position", [None, T5Config()], ids=["none", "t5"])


def bias_of(position: T5Config | None, role: Role, *, num_heads: int) -> LogitBias | None:
    if position is None:
        return None
    bias = position.relative(num_heads=num_heads, head_dim=8, causal=role is Role.CAUSAL)
    assert isinstance(bias, LogitBias)
    return bias


@every_sparse
@both_roles
@with_and_without_bias
def test_many_blocks_agree_with_the_formula(
    config: AttentionConfig, role: Role, position: T5Config | None
) -> None:
    core = sparse_core(replace(config, num_kv_heads=2), role, block=8)
    bias, length = bias_of(position, role, num_heads=4), 75
    q, k, v = random_heads(length, num_kv_heads=2)
    padding = Padding(torch.tensor([length, 33, 0]), length)
    real = padding.valid()[:, None, :, None]
    trained = [q, k, v, *([] if bias is None else bias.parameters())]
    context = core(q, k, v, padding=padding, bias=bias).context
    expected = reference(core, q, k, v, padding=padding, bias=bias).context
    direction = torch.randn_like(context) * real
    torch.testing.assert_close(context * real, (expected * real).float(), atol=2e-5, rtol=0)
    gradients = torch.autograd.grad(context, trained, direction)
    expected_gradients = torch.autograd.grad(expected, trained, direction.double())
    for gradient, expected_gradient in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient, expected_gradient, atol=1e-4, rtol=0)


@every_sparse
@both_roles
def test_recomputed_blocks_drop_the_same_weights(config: AttentionConfig, role: Role) -> None:
    """The gradient by differences, of a forward whose dropout is drawn from the same seed."""
    core = sparse_core(replace(config, dropout=0.3), role, block=16).train()
    q, k, v = [x.detach().double().requires_grad_() for x in random_heads(60, batch=1)]
    direction = torch.randn_like(v)

    def output(step: float) -> Tensor:
        torch.manual_seed(1)
        out: Tensor = core(q, k, v + step * direction).context.square().sum()
        return out

    (gradient,) = torch.autograd.grad(output(0.0), v)
    difference = (output(1e-4) - output(-1e-4)) / 2e-4
    torch.testing.assert_close((gradient * direction).sum(), difference, rtol=1e-5, atol=1e-5)


class LargestOutput(TorchDispatchMode):
    """Records the number of elements of the largest tensor that an operation returned."""

    def __init__(self) -> None:
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        output = function(*args, **(kwargs or {}))
        for tensor in output if isinstance(output, (tuple, list)) else [output]:
            if isinstance(tensor, Tensor):
                self.numel = max(self.numel, tensor.numel())
        return output


@pytest.mark.parametrize("config", LONG, ids=str)
@both_roles
@with_and_without_bias
def test_no_tensor_is_quadratic(
    config: AttentionConfig, role: Role, position: T5Config | None
) -> None:
    length = 2048
    core = core_of(config, role, num_heads=1, head_dim=4, max_length=length).train()
    bias = bias_of(position, role, num_heads=1)
    q, k, v = [torch.randn(1, 1, length, 4, requires_grad=True) for _ in range(3)]
    padding = Padding(torch.tensor([length - 5]), length)
    with LargestOutput() as largest:
        core(q, k, v, padding=padding, bias=bias).context.sum().backward()
    # Strided attention forms the weights of as many classes at once as a core's cache holds.
    assert largest.numel <= length * 64


@pytest.mark.parametrize("config", LONG, ids=str)
def test_a_step_reads_few_keys(config: AttentionConfig) -> None:
    core = core_of(config, Role.CAUSAL, num_heads=1, head_dim=4, max_length=2000)
    k = torch.randn(1, 1, 1500, 4)
    cache = core.empty_cache(1, capacity=2000, dtype=k.dtype, device=k.device)
    with torch.no_grad():
        for part in (*k.split(500, 2), k[:, :, :1]):  # the last makes room for the step that counts
            core.step(part, part, part, cache)
        with LargestOutput() as largest:
            core.step(k[:, :, :1], k[:, :, :1], k[:, :, :1], cache)
    whole = 1502 * 4
    is_view_of_the_cache = largest.numel in (0, whole, 2000 * 4)
    assert largest.numel < whole / 4 or is_view_of_the_cache


def test_merged_parts_are_one_softmax() -> None:
    torch.manual_seed(0)
    q, k, v = torch.randn(2, 4, 6, 8), torch.randn(2, 2, 9, 8), torch.randn(2, 2, 9, 8)
    may_read = torch.rand(6, 9) < 0.5
    may_read[0] = False  # nothing in either part
    may_read[1, :5], may_read[2, 5:] = False, False  # nothing in one
    bias = torch.randn(4, 6, 9)
    first, second = [
        dense_part(
            q, k[:, :, part], v[:, :, part], may_read=may_read[:, part], bias=bias[:, :, part]
        )
        for part in (slice(5), slice(5, 9))
    ]
    gathered_k, gathered_v = (x[:, :, None, 5:].expand(-1, -1, 6, -1, -1) for x in (k, v))
    gathered = gathered_part(
        q, gathered_k, gathered_v, may_read=may_read[:, 5:], bias=bias[:, :, 5:]
    )
    logits = q @ k.repeat_interleave(2, 1).mT / 8**0.5 + bias
    weights = logits.masked_fill(~may_read, float("-inf")).softmax(-1).nan_to_num(0)
    expected = weights @ v.repeat_interleave(2, 1)
    for part in (second, gathered):
        torch.testing.assert_close(merge(first, part), expected, atol=1e-6, rtol=0)
        torch.testing.assert_close(merge(part, first), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("length", [1, 6, 7, 20])
def test_classes_are_the_positions_modulo_the_stride(length: int) -> None:
    x = torch.arange(length).view(1, 1, length, 1)
    classes = by_class(x, 7)
    assert classes.shape == (1, 7, 1, -(-length // 7), 1)
    assert (classes.flatten()[classes.flatten() > 0] < length).all()
    for remainder, row in enumerate(classes[0]):
        assert (row.flatten()[row.flatten() > 0] % 7 == remainder).all()
    torch.testing.assert_close(by_position(classes, length), x)


@both_roles
def test_blocks_cover_all_queries_and_reach_far_enough(role: Role) -> None:
    causal = role is Role.CAUSAL
    blocks = list(split_blocks(50, 16, 20, causal=causal))
    assert [(b.start, b.end) for b in blocks] == [(0, 16), (16, 32), (32, 48), (48, 50)]
    x = torch.arange(50.0).view(1, 1, 50, 1)
    for block in blocks:
        i, j = block.positions(x.device)
        assert torch.equal(block.queries(x.split(16, 2)).flatten(), i.flatten().float())
        assert torch.equal(block.keys(x.split(16, 2)).flatten(), j.flatten().float())
        assert j.min() == max(block.start - 20, 0)
        assert j.max() == (block.end - 1 if causal else min(block.end + 19, 49))
