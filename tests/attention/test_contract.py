"""The contract of `AttentionCore`, held by every mechanism in every role, head grouping and logit bias.

Five clauses: padding cannot be seen; in CAUSAL the future cannot be seen; any split into steps equals the whole;
exported weights are what they claim to be; a real query with nothing to read returns zeros. And agreement with the
plain formula, in outputs and gradients.
"""

import itertools
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from seq2seq.attention.base import AttentionCore, AttentionOutput
from seq2seq.attention.config import MECHANISMS, AttentionConfig, Role, WeightKind
from seq2seq.attention.reference import reference
from seq2seq.errors import ConfigError
from seq2seq.padding import Padding
from seq2seq.position.config import AlibiConfig, PositionKind
from tests.attention.cases import (
    HEAD_DIM,
    NUM_HEADS,
    Batch,
    Case,
    all_cases,
    assert_near,
    with_weights,
)

CASES = all_cases(PositionKind.none, PositionKind.bias)
RAGGED = [150, 63, 0, 2, 1]  # longer than any block or chunk that a mechanism works in
STEPS = 70
OUTPUTS, GRADIENTS = 2e-5, 2e-4
LIKE: Any = {"dtype": torch.float32, "device": torch.device("cpu")}

every_case = pytest.mark.parametrize("case", CASES, ids=str)
causal_cases = pytest.mark.parametrize("case", [c for c in CASES if c.causal], ids=str)
cross_cases = pytest.mark.parametrize("case", [c for c in CASES if c.role is Role.CROSS], ids=str)


def attend(
    case: Case, core: AttentionCore, batch: Batch, *, need_weights: bool = False
) -> AttentionOutput:
    return core(
        batch.q,
        batch.k,
        batch.v,
        padding=batch.padding,
        bias=case.bias(),
        need_weights=need_weights,
    )


@every_case
@pytest.mark.parametrize("lengths", [[1], [2], [63], [100], RAGGED], ids=str)
def test_outputs_and_gradients_are_those_of_the_formula(case: Case, lengths: list[int]) -> None:
    core, bias, batch = case.core(), case.bias(), Batch.of(case, lengths)
    inputs = (
        batch.leaves()
        + list(core.parameters())
        + (list(bias.parameters()) if bias is not None else [])
    )
    expected = reference(core, batch.q, batch.k, batch.v, padding=batch.padding, bias=bias)
    real = batch.real_queries(case)
    # Every number of the output has a weight of its own in the loss, so that no two errors cancel.
    context_direction = torch.randn_like(batch.q) * real
    weight_direction = torch.randn(expected.context.shape[:3] + batch.k.shape[2:3]) * real

    def gradients(output: AttentionOutput) -> list[Tensor]:
        loss = (output.context * context_direction).sum()
        if output.weights is not None:
            loss = loss + (output.weights * weight_direction).sum()
        found = torch.autograd.grad(loss, inputs, retain_graph=True, allow_unused=True)
        return [torch.zeros_like(x) if g is None else g for x, g in zip(inputs, found, strict=True)]

    for need_weights in (False, True) if with_weights(case) else (False,):
        output = core(
            batch.q, batch.k, batch.v, padding=batch.padding, bias=bias, need_weights=need_weights
        )
        assert_near(output.context * real, expected.context * real, OUTPUTS, "context")
        if output.weights is not None:
            assert_near(output.weights * real, expected.weights * real, OUTPUTS, "weights")
        formula = AttentionOutput(expected.context, expected.weights if need_weights else None)
        for mine, its in zip(gradients(output), gradients(formula), strict=True):
            assert_near(mine, its, GRADIENTS, "gradient")


@every_case
@torch.no_grad()
def test_padding_cannot_be_seen(case: Case) -> None:
    core, batch = case.core(), Batch.of(case, RAGGED)
    padded = ~batch.padding.valid()[:, None, :, None]
    batch.k, batch.v = batch.k + 50 * padded * batch.k, batch.v + 50 * padded * batch.v
    together = attend(case, core, batch).context
    for row, length in enumerate(RAGGED):
        if length == 0:
            continue
        queries = batch.q.size(2) if case.role is Role.CROSS else length
        one = Batch(
            batch.q[row : row + 1, :, :queries],
            batch.k[row : row + 1, :, :length],
            batch.v[row : row + 1, :, :length],
            Padding(torch.tensor([length]), length),
        )
        alone = attend(case, core, one).context
        assert_near(together[row : row + 1, :, :queries], alone, OUTPUTS, f"a sentence of {length}")
        without = core(one.q, one.k, one.v, padding=None, bias=case.bias()).context
        assert_near(without, alone, OUTPUTS, "no padding given")


@every_case
def test_padding_has_no_gradient_and_every_gradient_is_finite(case: Case) -> None:
    core, batch = case.core(), Batch.of(case, RAGGED)
    leaves = batch.leaves()
    context = attend(case, core, batch).context
    _, *of_keys = torch.autograd.grad((context * batch.real_queries(case)).square().sum(), leaves)
    for gradient in of_keys:
        assert gradient.isfinite().all()
        assert not gradient.masked_fill(batch.padding.valid()[:, None, :, None], 0).any()


@causal_cases
@pytest.mark.parametrize("kept", [1, 2, 64, 149])
@torch.no_grad()
def test_future_cannot_be_seen(case: Case, kept: int) -> None:
    core, batch = case.core(), Batch.of(case, [150])
    before = attend(case, core, batch).context
    for x in (batch.q, batch.k, batch.v):
        x[:, :, kept:] *= -20
    after = attend(case, core, batch).context
    assert_near(after[:, :, :kept], before[:, :, :kept], OUTPUTS, "context of what came before")
    if with_weights(case):
        weights = attend(case, core, batch, need_weights=True).weights
        assert weights is not None
        assert not weights.triu(1).any()


@causal_cases
@pytest.mark.parametrize("split", [[1], [3, 1], [4, 5, 2], [STEPS]], ids=str)
@torch.no_grad()
def test_any_split_into_steps_equals_the_whole(case: Case, split: list[int]) -> None:
    core, bias, batch = case.core(), case.bias(), Batch.of(case, [STEPS, STEPS])
    whole = attend(case, core, batch).context
    cache = core.empty_cache(2, capacity=STEPS, **LIKE)
    # (3, 1) goes on as 3, 1, 1, 1, ... and (4, 5, 2) as 4, 5, 2, 4, 5, 2, ...
    sizes = itertools.chain([3], itertools.repeat(1)) if split == [3, 1] else itertools.cycle(split)
    contexts = []
    while cache.length < STEPS:
        new = slice(cache.length, min(cache.length + next(sizes), STEPS))
        contexts.append(
            core.step(batch.q[:, :, new], batch.k[:, :, new], batch.v[:, :, new], cache, bias=bias)
        )
        assert cache.length == new.stop
    assert_near(torch.cat(contexts, dim=2), whole, OUTPUTS, "steps")


@causal_cases
@torch.no_grad()
def test_steps_continue_reordered_rows(case: Case) -> None:
    """Three rows, then five that continue some of them, then two, then the same two exchanged."""
    core, bias = case.core(), case.bias()
    cache = core.empty_cache(3, capacity=40, **LIKE)
    history = [
        torch.empty(3, heads, 0, HEAD_DIM)
        for heads in (NUM_HEADS, case.num_kv_heads, case.num_kv_heads)
    ]
    orders = [[0, 1, 2], [2, 0, 0, 1, 2], [4, 1], [1, 0]]
    for seed, (order, length) in enumerate(zip(orders, [9, 1, 13, 5], strict=True)):
        rows = torch.tensor(order)
        if seed > 0:
            cache.reorder(rows)
        assert cache.rows == len(order)
        new = Batch.of(replace(case, role=Role.CAUSAL), [length] * len(order), seed=seed)
        history = [
            torch.cat([old[rows], x], dim=2)
            for old, x in zip(history, (new.q, new.k, new.v), strict=True)
        ]
        stepped = core.step(new.q, new.k, new.v, cache, bias=bias)
        q, k, v = history
        whole = core(q, k, v, bias=bias).context
        assert_near(stepped, whole[:, :, -length:], OUTPUTS, f"after {orders[: seed + 1]}")


@cross_cases
@torch.no_grad()
def test_source_cache_equals_the_whole(case: Case) -> None:
    """Queries one by one and together, then sentences chosen, repeated and left out."""
    core, batch = case.core(), Batch.of(case, RAGGED)
    whole = attend(case, core, batch).context
    cache = core.source_cache(batch.k, batch.v, batch.padding)
    assert cache.rows == len(RAGGED)
    assert_near(core.read_source(batch.q, cache), whole, OUTPUTS, "all queries at once")
    for t in range(batch.q.size(2)):
        one = core.read_source(batch.q[:, :, t : t + 1], cache)
        assert_near(one, whole[:, :, t : t + 1], OUTPUTS, f"query {t}")
    rows = torch.arange(len(RAGGED))
    for order in ([3, 0, 0, 2, 1, 4], [1, 5], [0]):
        cache.reorder(torch.tensor(order))
        rows = rows[order]
        assert cache.rows == len(order)
        assert_near(
            core.read_source(batch.q[rows], cache),
            whole[rows],
            OUTPUTS,
            f"sentences {rows.tolist()}",
        )
    assert_near(
        core.read_source(batch.q, core.source_cache(batch.k, batch.v, None)),
        core(batch.q, batch.k, batch.v).context,
        OUTPUTS,
        "no padding given",
    )


@every_case
@torch.no_grad()
def test_weights_are_what_they_claim_to_be(case: Case) -> None:
    core, batch = case.core(), Batch.of(case, RAGGED)
    if case.config.weights is WeightKind.none:
        with pytest.raises(ConfigError, match="weight"):
            attend(case, core, batch, need_weights=True)
        return
    output, fast = attend(case, core, batch, need_weights=True), attend(case, core, batch)
    assert output.weights is not None and fast.weights is None
    assert output.weights.shape == (len(RAGGED), NUM_HEADS, batch.q.size(2), batch.k.size(2))
    real = batch.real_queries(case)
    assert_near(
        output.context * real, fast.context * real, OUTPUTS, "context of the path with weights"
    )
    kv_heads = torch.arange(NUM_HEADS) // (NUM_HEADS // case.num_kv_heads)
    assert_near(
        output.weights @ batch.v[:, kv_heads] * real,
        fast.context * real,
        OUTPUTS,
        "weights times values",
    )
    assert (output.weights >= 0).all()
    assert not (output.weights * real)[~batch.padding.key_mask().expand_as(output.weights)].any()
    total = (output.weights * real).sum(-1)
    assert_near(total, (total > 0.5).float(), OUTPUTS, "sum of a row")


@every_case
def test_nothing_to_read_gives_zeros(case: Case) -> None:
    """Sources without a word; in self-attention no query of such a row is real, and all must still be finite."""
    core, batch = case.core(), Batch.of(case, [0, 3])
    leaves = batch.leaves()
    for need_weights in (False, True) if with_weights(case) else (False,):
        output = attend(case, core, batch, need_weights=need_weights)
        assert output.context.isfinite().all()
        loss = output.context.square().sum()
        if case.role is Role.CROSS:
            assert not output.context[0].any()
        if output.weights is not None:
            assert output.weights.isfinite().all()
            assert case.causal or not output.weights[0].any()
            loss = loss + output.weights.square().sum()
        for gradient in torch.autograd.grad(loss, leaves + list(core.parameters())):
            assert gradient.isfinite().all()
    if case.role is Role.CROSS:
        with torch.no_grad():
            cache = core.source_cache(batch.k, batch.v, batch.padding)
            assert not core.read_source(batch.q, cache)[0].any()


@every_case
@torch.no_grad()
def test_bfloat16_inputs_cost_no_more_than_their_precision(case: Case) -> None:
    """What an accelerator hands over under autocast: bfloat16 heads for float32 parameters."""
    core, batch = case.core(), Batch.of(case, RAGGED)
    batch.q, batch.k, batch.v = batch.q.bfloat16(), batch.k.bfloat16(), batch.v.bfloat16()
    expected = reference(
        core, batch.q, batch.k, batch.v, padding=batch.padding, bias=case.bias()
    ).context
    real = batch.real_queries(case)
    assert_near(attend(case, core, batch).context * real, expected * real, 3e-2, "context")
    q, k, v = (
        [x[3:] for x in (batch.q, batch.k, batch.v)]
        if case.role is Role.CROSS
        else (batch.q, batch.k, batch.v)
    )
    if case.role is Role.CROSS:
        padding = batch.padding.select(torch.arange(3, len(RAGGED)))
        assert_near(
            core.read_source(q, core.source_cache(k, v, padding)), expected[3:], 3e-2, "step"
        )
    elif case.causal:
        cache = core.empty_cache(len(RAGGED), capacity=150, **LIKE)
        contexts = [
            core.step(
                q[:, :, t : t + 30],
                k[:, :, t : t + 30],
                v[:, :, t : t + 30],
                cache,
                bias=case.bias(),
            )
            for t in range(0, 150, 30)
        ]
        assert_near(torch.cat(contexts, dim=2) * real, expected * real, 3e-2, "steps")


@pytest.mark.parametrize(
    "case",
    [c for c in CASES if c.role is not Role.ENCODER and c.position.kind is PositionKind.none],
    ids=str,
)
@torch.no_grad()
def test_state_is_counted_and_shared_by_the_heads_of_a_group(case: Case) -> None:
    def state_of(num_kv_heads: int) -> int:
        other = replace(case, config=replace(case.config, num_kv_heads=num_kv_heads))
        core, batch = other.core(), Batch.of(other, [30, 30])
        if case.role is Role.CROSS:
            return core.source_cache(batch.k, batch.v, batch.padding).nbytes()
        cache = core.empty_cache(2, capacity=30, **LIKE)
        core.step(batch.q, batch.k, batch.v, cache)
        return cache.nbytes()

    assert state_of(4) == 2 * state_of(2) == 4 * state_of(1)


@pytest.mark.parametrize("case", [c for c in CASES if c.config.drops_weights], ids=str)
def test_attention_dropout_is_of_the_weights_and_in_training_only(case: Case) -> None:
    core = replace(case, config=replace(case.config, dropout=0.5)).core()
    core.load_state_dict(case.core().state_dict())
    batch = Batch.of(case, [24, 9])
    with torch.no_grad():
        plain = attend(case, core, batch, need_weights=with_weights(case))
        core.train()
        dropped = attend(case, core, batch, need_weights=with_weights(case))
        many = torch.stack([attend(case, core, batch).context for _ in range(100)])
    real = batch.real_queries(case)
    if plain.weights is not None and dropped.weights is not None:
        assert_near(dropped.weights * real, plain.weights * real, OUTPUTS, "weights before dropout")
    assert not torch.allclose(dropped.context, plain.context)
    # Half of the time nothing or twice its value: a mean of 100 has at most a tenth of the value as deviation.
    assert_near(many.mean(0) * real, plain.context * real, 0.5, "mean over draws")


@pytest.mark.parametrize("mechanism", MECHANISMS.values(), ids=MECHANISMS)
def test_what_a_mechanism_does_not_have_is_refused(mechanism: type[AttentionConfig]) -> None:
    config = mechanism()
    none = next(c.position for c in CASES if c.position.kind is PositionKind.none)
    for role in Role:
        case = Case(config, role, none)
        if role not in config.roles:
            with pytest.raises(ConfigError, match=config.name):
                case.core()
        elif not config.has_logits:
            batch = Batch.of(case, [3])
            with pytest.raises(ConfigError, match=config.name):
                attend(replace(case, position=AlibiConfig()), case.core(), batch)
