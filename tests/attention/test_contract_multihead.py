"""The same contract one level up: `MultiHeadAttention` with positions, caches and beams, in float32 and bfloat16."""

import itertools

import pytest
import torch
from torch import Tensor

from seq2seq.attention.config import Role
from seq2seq.attention.multihead import MultiHeadAttention
from seq2seq.attention.reference import reference
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias
from seq2seq.position.config import PositionKind
from seq2seq.position.rotary import Rotary
from tests.attention.cases import HEAD_DIM, NUM_HEADS, Case, all_cases, assert_near

CASES = all_cases(PositionKind.none, PositionKind.rotary, PositionKind.bias)
D_MODEL = NUM_HEADS * HEAD_DIM
RAGGED = [100, 63, 0, 2, 1]
ORDERS = {2: [1, 0, 2, 2], 5: [3, 1, 0], 9: [2, 0, 1]}  # of rows, after which step
TOLERANCE = {"float32": 5e-5, "bfloat16": 4e-2}

every_case = pytest.mark.parametrize("case", CASES, ids=str)
causal_cases = pytest.mark.parametrize("case", [c for c in CASES if c.causal], ids=str)
cross_cases = pytest.mark.parametrize("case", [c for c in CASES if c.role is Role.CROSS], ids=str)
every_dtype = pytest.mark.parametrize("dtype", TOLERANCE)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def autocast(dtype: str) -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bfloat16")


@every_case
@every_dtype
def test_a_padded_batch_equals_each_sentence_alone(case: Case, dtype: str) -> None:
    """Also the precision of bfloat16, and finite gradients of every parameter."""
    attention, relative, width = case.attention(), case.relative(), max(RAGGED)
    keys = normal(len(RAGGED), width, D_MODEL)
    x = normal(len(RAGGED), 5, D_MODEL, seed=1) if case.role is Role.CROSS else keys

    def attend(
        attention: MultiHeadAttention, x: Tensor, keys: Tensor, lengths: list[int]
    ) -> Tensor:
        source = keys if case.role is Role.CROSS else None
        padding = Padding(torch.tensor(lengths), keys.size(1))
        return attention(x, source, padding=padding, position=relative).context

    with autocast(dtype):
        together = attend(attention, x, keys, RAGGED)
        real = torch.ones(x.shape[:2], dtype=torch.bool)
        if case.role is not Role.CROSS:
            real = Padding(torch.tensor(RAGGED), width).valid()
        (together.float() * real[..., None]).square().sum().backward()
        with torch.no_grad():
            for row, length in enumerate(RAGGED):
                queries = x.size(1) if case.role is Role.CROSS else length
                if length > 0:
                    alone = attend(
                        attention,
                        x[row : row + 1, :queries],
                        keys[row : row + 1, :length],
                        [length],
                    )
                    assert_near(
                        together[row : row + 1, :queries],
                        alone,
                        TOLERANCE[dtype],
                        f"a sentence of {length}",
                    )
    for name, parameter in attention.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
    with torch.no_grad():
        exact = attend(case.attention(), x, keys, RAGGED)
    assert_near(together * real[..., None], exact * real[..., None], TOLERANCE[dtype], "float32")


@causal_cases
@every_dtype
@pytest.mark.parametrize("split", [[1], [4, 5, 2]], ids=str)
@torch.no_grad()
def test_steps_with_positions_equal_the_whole(case: Case, dtype: str, split: list[int]) -> None:
    """Rows are exchanged, repeated and dropped on the way, and several tokens are appended at once."""
    attention, relative, x = case.attention(), case.relative(), normal(3, 40, D_MODEL)
    with autocast(dtype):
        cache = attention.empty_cache(
            3, capacity=40, dtype=torch.float32, device=torch.device("cpu")
        )
        history = x[:, :0]
        sizes = itertools.cycle(split)
        for turn in itertools.count():
            new = x[:, history.size(1) : history.size(1) + next(sizes)]
            if new.size(1) == 0:
                break
            history = torch.cat([history, new], dim=1)
            stepped = attention(new, cache=cache, position=relative).context
            if turn % 3 == 0:
                whole = attention(history, position=relative).context[:, -new.size(1) :]
                assert_near(stepped, whole, TOLERANCE[dtype], f"after {history.size(1)} positions")
            if turn in ORDERS:
                rows = torch.tensor(ORDERS[turn])
                cache.reorder(rows)
                history, x = history[rows], normal(len(rows), 40, D_MODEL, seed=turn)


@cross_cases
@every_dtype
@torch.no_grad()
def test_beams_read_their_own_sentence(case: Case, dtype: str) -> None:
    """Three beams a sentence and two tokens a step, from one row of the cache each; then sentences leave."""
    attention = case.attention()
    x, source = normal(4 * 3, 2, D_MODEL, seed=1), normal(4, 63, D_MODEL)
    padding = Padding(torch.tensor([63, 1, 0, 40]), 63)
    with autocast(dtype):
        cache = attention.source_cache(source, padding)
        rows = torch.arange(4).repeat_interleave(3)
        whole = attention(x, source[rows], padding=padding.select(rows)).context
        assert_near(attention(x, cache=cache).context, whole, TOLERANCE[dtype], "every sentence")
        cache.reorder(torch.tensor([3, 0]))
        kept = torch.tensor([9, 10, 11, 0, 1, 2])
        assert_near(
            attention(x[kept], cache=cache).context, whole[kept], TOLERANCE[dtype], "two sentences"
        )


@every_case
@torch.no_grad()
def test_module_is_projections_and_positions_around_the_formula(case: Case) -> None:
    """Head h of d_model holds its dimensions h K to (h + 1) K, and rotation is a product of complex numbers."""
    attention, relative = case.attention(), case.relative()
    source = normal(2, 19, D_MODEL)
    x = normal(2, 5, D_MODEL, seed=1) if case.role is Role.CROSS else source
    padding = Padding(torch.tensor([19, 7]), 19)
    sizes = [NUM_HEADS, case.num_kv_heads, case.num_kv_heads]
    weights = attention.query_key_value.weight.split([size * HEAD_DIM for size in sizes])
    biases = attention.query_key_value.bias.split([size * HEAD_DIM for size in sizes])
    q, k, v = (
        torch.stack(
            [(y @ w.T + b)[..., h * HEAD_DIM : (h + 1) * HEAD_DIM] for h in range(size)], dim=1
        )
        for y, w, b, size in zip((x, source, source), weights, biases, sizes, strict=True)
    )
    if isinstance(relative, Rotary):
        q, k = rotated(q), rotated(k)
    bias = relative if isinstance(relative, LogitBias) else None
    context = reference(attention.core, q, k, v, padding=padding, bias=bias).context.float()
    expected = attention.output(torch.cat(context.unbind(1), dim=-1))
    given = attention(
        x, source if case.role is Role.CROSS else None, padding=padding, position=relative
    ).context
    real = torch.ones(2, x.size(1), 1) if case.role is Role.CROSS else padding.valid()[..., None]
    assert_near(given * real, expected * real, TOLERANCE["float32"])


def rotated(x: Tensor) -> Tensor:
    """Pair i of position p times exp(1j p / 10000^(2i / K))."""
    angles = torch.arange(x.size(2))[:, None] / 10_000 ** (torch.arange(0, HEAD_DIM, 2) / HEAD_DIM)
    turn = torch.polar(torch.ones_like(angles), angles)
    return torch.view_as_real(
        torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous()) * turn
    ).flatten(-2)
