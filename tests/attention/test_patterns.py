"""Local and sparse attention: what may be read, that nothing else is touched, and the page that shows it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from scripts.attention_page import IMAGES, PAGE, drawn_mechanisms, refreshed, save_drawing
from seq2seq.attention.base import build_core
from seq2seq.attention.blocks import split_blocks
from seq2seq.attention.catalogue import (
    BlockSparseConfig,
    FullConfig,
    LocalConfig,
    LogSparseConfig,
    StridedConfig,
)
from seq2seq.attention.config import MECHANISMS, AttentionConfig, AttentionContext, Role
from seq2seq.attention.mechanisms.strided import by_class, by_position
from seq2seq.attention.reference import reference
from seq2seq.attention.softmax_parts import dense_part, gathered_part, merge
from seq2seq.attention.sparse import GatheringCore, SparseCore
from seq2seq.attention.window_cache import WindowCache
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias
from seq2seq.position.config import T5Config

SPARSE: list[AttentionConfig] = [
    LocalConfig(window=1),
    LocalConfig(window=7),
    StridedConfig(window=1, stride=1),
    StridedConfig(window=3, stride=7),
    StridedConfig(window=9, stride=4),
    LogSparseConfig(window=1),
    LogSparseConfig(window=11),
    BlockSparseConfig(block=4, neighbours=1, global_blocks=1),
    BlockSparseConfig(block=3, neighbours=2, global_blocks=0),
    BlockSparseConfig(block=5, neighbours=0, global_blocks=2),
    BlockSparseConfig(block=50, neighbours=1, global_blocks=3),
]
ROLES = [Role.ENCODER, Role.CAUSAL]
every_sparse = pytest.mark.parametrize("config", SPARSE, ids=str)
both_roles = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


def power_of_two(distance: int) -> bool:
    return distance in {2**n for n in range(20)}


def near_block(i: int, j: int, config: BlockSparseConfig) -> bool:
    return abs(i // config.block - j // config.block) <= config.neighbours


READS: dict[type[AttentionConfig], Callable[[int, int, Any, Role], bool]] = {
    FullConfig: lambda i, j, c, role: True,
    LocalConfig: lambda i, j, c, role: abs(i - j) < c.window,
    StridedConfig: lambda i, j, c, role: abs(i - j) < c.window or abs(i - j) % c.stride == 0,
    LogSparseConfig: lambda i, j, c, role: abs(i - j) < c.window or power_of_two(abs(i - j)),
    BlockSparseConfig: lambda i, j, c, role: (
        near_block(i, j, c)
        or j < c.global_blocks * c.block
        or (role is Role.ENCODER and i < c.global_blocks * c.block)
    ),
}


def make(config: AttentionConfig, role: Role, *, block: int | None = None) -> SparseCore[Any]:
    """The core, in evaluation; a small block makes short sequences many blocks long."""
    torch.manual_seed(0)
    core = build_core(
        config, AttentionContext(role=role, num_heads=4, head_dim=8, max_length=300)
    ).eval()
    assert isinstance(core, SparseCore)
    if block is not None:
        size = config.block if isinstance(config, BlockSparseConfig) else 1
        core.block = core.short = -(-block // size) * size
    return core


def heads(length: int, *, batch: int = 3, num_kv_heads: int = 4) -> list[Tensor]:
    return [
        torch.randn(batch, number, length, 8, requires_grad=True)
        for number in (4, num_kv_heads, num_kv_heads)
    ]


@pytest.mark.parametrize("config", [FullConfig(), *SPARSE], ids=str)
@both_roles
def test_pattern_is_the_definition(config: AttentionConfig, role: Role) -> None:
    positions = torch.arange(40)
    context = AttentionContext(role=role, num_heads=4, head_dim=8, max_length=40)
    found = build_core(config, context).reads(positions[:, None], positions[None])
    reads = READS[type(config)]
    expected = [
        [reads(i, j, config, role) and (role is Role.ENCODER or j <= i) for j in range(40)]
        for i in range(40)
    ]
    assert torch.equal(found, torch.tensor(expected))


@every_sparse
@both_roles
@pytest.mark.parametrize("position", [None, T5Config()], ids=["none", "t5"])
def test_many_blocks_agree_with_the_formula(
    config: AttentionConfig, role: Role, position: T5Config | None
) -> None:
    core = make(replace(config, num_kv_heads=2), role, block=8)
    bias = (
        None
        if position is None
        else position.relative(num_heads=4, head_dim=8, causal=role is Role.CAUSAL)
    )
    assert bias is None or isinstance(bias, LogitBias)
    length = 75
    q, k, v = heads(length, num_kv_heads=2)
    padding = Padding(torch.tensor([length, 33, 0]), length)
    real = padding.valid()[:, None, :, None]
    trained = [q, k, v, *([] if bias is None else bias.parameters())]
    found = core(q, k, v, padding=padding, bias=bias).context
    expected = reference(core, q, k, v, padding=padding, bias=bias).context
    towards = torch.randn_like(found) * real
    torch.testing.assert_close(found * real, (expected * real).float(), atol=2e-5, rtol=0)
    gradients = torch.autograd.grad(found, trained, towards)
    for own, other in zip(
        gradients, torch.autograd.grad(expected, trained, towards.double()), strict=True
    ):
        torch.testing.assert_close(own, other, atol=1e-4, rtol=0)


@every_sparse
@both_roles
def test_recomputed_blocks_drop_the_same_weights(config: AttentionConfig, role: Role) -> None:
    """The gradient by differences, of a forward whose dropout is drawn from the same seed."""
    core = make(replace(config, dropout=0.3), role, block=16).train()
    q, k, v = [x.detach().double().requires_grad_() for x in heads(60, batch=1)]
    direction = torch.randn_like(v)

    def output(step: float) -> Tensor:
        torch.manual_seed(1)
        out: Tensor = core(q, k, v + step * direction).context.square().sum()
        return out

    (gradient,) = torch.autograd.grad(output(0.0), v)
    difference = (output(1e-4) - output(-1e-4)) / 2e-4
    torch.testing.assert_close((gradient * direction).sum(), difference, rtol=1e-5, atol=1e-5)


@every_sparse
@pytest.mark.parametrize("split", [[1] * 60, [3, 1, 40, 16], [60]], ids=["ones", "mixed", "whole"])
def test_steps_across_window_and_block_edges(config: AttentionConfig, split: list[int]) -> None:
    core = make(config, Role.CAUSAL, block=8)
    q, k, v = heads(60)
    cache = core.empty_cache(3, capacity=60, dtype=k.dtype, device=k.device)
    parts = zip(*(x.split(split, 2) for x in (q, k, v)), strict=True)
    steps = [core.step(*part, cache) for part in parts]
    torch.testing.assert_close(
        torch.cat(steps, 2), reference(core, q, k, v).context.float(), atol=2e-5, rtol=0
    )
    assert cache.length == 60


@every_sparse
def test_a_step_gathers_what_the_pattern_reads(config: AttentionConfig) -> None:
    core = make(config, Role.CAUSAL)
    for i in range(80):
        j = torch.arange(i + 1)
        expected = j[core.reads(torch.tensor(i), j)]
        if isinstance(core, GatheringCore):
            assert torch.equal(core.keys_of(i), expected)
        else:
            assert isinstance(config, LocalConfig)
            assert expected.min() == max(i - config.window + 1, 0)


def test_local_remembers_the_window_alone() -> None:
    core = make(LocalConfig(window=5), Role.CAUSAL)
    _, k, v = heads(30)
    cache = core.empty_cache(3, capacity=30, dtype=k.dtype, device=k.device)
    assert isinstance(cache, WindowCache)
    for end in (2, 9, 30):
        cache.extend(k[:, :, cache.length : end], v[:, :, cache.length : end])
        held = min(end, 4)
        torch.testing.assert_close(cache.k, k[:, :, end - held : end])
        assert cache.nbytes() == 2 * 3 * 4 * held * 8 * 4
        assert cache.k.untyped_storage().nbytes() == cache.k.nbytes
    cache.reorder(torch.tensor([2, 2, 0, 1]))
    torch.testing.assert_close(cache.v, v[[2, 2, 0, 1], :, 26:])
    assert (cache.rows, cache.length) == (4, 30)


class Largest(TorchDispatchMode):
    """Remembers the most numbers of any tensor that an operation returned."""

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


LONG: list[AttentionConfig] = [
    LocalConfig(),
    StridedConfig(stride=64),
    LogSparseConfig(),
    BlockSparseConfig(),
]


@pytest.mark.parametrize("config", LONG, ids=str)
@both_roles
@pytest.mark.parametrize("position", [None, T5Config()], ids=["none", "t5"])
def test_no_tensor_is_quadratic(
    config: AttentionConfig, role: Role, position: T5Config | None
) -> None:
    length = 2048
    core = build_core(
        config, AttentionContext(role=role, num_heads=1, head_dim=4, max_length=length)
    ).train()
    bias = (
        None
        if position is None
        else position.relative(num_heads=1, head_dim=4, causal=role is Role.CAUSAL)
    )
    q, k, v = [torch.randn(1, 1, length, 4, requires_grad=True) for _ in range(3)]
    padding = Padding(torch.tensor([length - 5]), length)
    with Largest() as largest:
        core(q, k, v, padding=padding, bias=bias).context.sum().backward()
    # Strided attention forms the weights of as many classes at once as a core's cache holds.
    assert largest.numel <= length * 64


@pytest.mark.parametrize("config", LONG, ids=str)
def test_a_step_touches_few_keys(config: AttentionConfig) -> None:
    core = build_core(
        config, AttentionContext(role=Role.CAUSAL, num_heads=1, head_dim=4, max_length=2000)
    ).eval()
    k = torch.randn(1, 1, 1500, 4)
    cache = core.empty_cache(1, capacity=2000, dtype=k.dtype, device=k.device)
    with torch.no_grad():
        for part in k.split(500, 2):
            core.step(part, part, part, cache)
        with Largest() as largest:
            core.step(k[:, :, :1], k[:, :, :1], k[:, :, :1], cache)
    whole = 1501 * 4
    views_of_the_cache = largest.numel in (0, whole, 2000 * 4)
    assert largest.numel < whole / 4 or views_of_the_cache


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
    own_k, own_v = (x[:, :, None, 5:].expand(-1, -1, 6, -1, -1) for x in (k, v))
    second_again = gathered_part(q, own_k, own_v, may_read=may_read[:, 5:], bias=bias[:, :, 5:])
    logits = q @ k.repeat_interleave(2, 1).mT / 8**0.5 + bias
    weights = logits.masked_fill(~may_read, float("-inf")).softmax(-1).nan_to_num(0)
    expected = weights @ v.repeat_interleave(2, 1)
    for other in (second, second_again):
        torch.testing.assert_close(merge(first, other), expected, atol=1e-6, rtol=0)
        torch.testing.assert_close(merge(other, first), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("length", [1, 6, 7, 20])
def test_classes_are_taken_apart_and_put_together(length: int) -> None:
    x = torch.arange(length).view(1, 1, length, 1)
    classes = by_class(x, 7)
    assert classes.shape == (1, 7, 1, -(-length // 7), 1)
    assert (classes.flatten()[classes.flatten() > 0] < length).all()
    assert all(
        (row.flatten()[row.flatten() > 0] % 7 == c).all() for c, row in enumerate(classes[0])
    )
    torch.testing.assert_close(by_position(classes, length), x)


@both_roles
def test_blocks_cover_all_queries_and_reach_far_enough(role: Role) -> None:
    causal = role is Role.CAUSAL
    found = list(split_blocks(50, 16, 20, causal=causal))
    assert [(b.start, b.end) for b in found] == [(0, 16), (16, 32), (32, 48), (48, 50)]
    x = torch.arange(50.0).view(1, 1, 50, 1)
    for block in found:
        i, j = block.positions(x.device)
        assert torch.equal(block.queries(x.split(16, 2)).flatten(), i.flatten().float())
        assert torch.equal(block.keys(x.split(16, 2)).flatten(), j.flatten().float())
        assert j.min() == max(block.start - 20, 0)
        assert j.max() == (block.end - 1 if causal else min(block.end + 19, 49))


def test_the_page_shows_the_code(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == refreshed(page), "run python scripts/attention_page.py"
    for name in drawn_mechanisms():
        save_drawing(tmp_path / f"{name}.svg", MECHANISMS[name]())
        drawing = (tmp_path / f"{name}.svg").read_bytes()
        assert (IMAGES / f"{name}.svg").read_bytes() == drawing, "run scripts/attention_page.py"
    assert {path.stem for path in IMAGES.iterdir()} == set(drawn_mechanisms())
