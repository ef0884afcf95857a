"""Checks of a core over whole sequences: formula, padding, future, weights, dropout, precision.

Every check takes a case and raises `ContractViolation`, with the reason, if it does not hold.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from seq2seq.attention.base import AttentionOutput
from seq2seq.attention.config import WeightKind
from seq2seq.attention.contract.batch import (
    GRADIENTS,
    OUTPUTS,
    RAGGED,
    HeadBatch,
    ensure,
    ensure_all_finite,
    ensure_near,
)
from seq2seq.attention.contract.cases import NUM_HEADS, Case
from seq2seq.attention.modifier_options import Sink
from seq2seq.attention.reference import reference
from seq2seq.padding import Padding

BATCHES = [[1], [2], [63], [100], RAGGED]  # lengths of the sentences
DRAWS = 100  # of attention dropout


def formula(case: Case) -> None:
    """Outputs and gradients equal those of the plain formula."""
    for lengths in BATCHES:
        core, bias, batch = case.core(), case.bias(), HeadBatch.of(case, lengths)
        parameters = [*core.parameters(), *([] if bias is None else bias.parameters())]
        inputs = [*batch.leaves(), *parameters]
        expected = reference(core, batch.q, batch.k, batch.v, padding=batch.padding, bias=bias)
        real = batch.real_queries(case)
        gradients = gradients_of(inputs, expected, real)
        for need_weights in (False, True) if case.exports_weights else (False,):
            output = batch.attend(core, bias, need_weights=need_weights)
            name = f"lengths {lengths}, {'with' if need_weights else 'without'} weights"
            ensure_near(output.context * real, expected.context * real, OUTPUTS, f"{name}: context")
            if output.weights is not None and expected.weights is not None:
                weights = output.weights * real
                ensure_near(weights, expected.weights * real, OUTPUTS, f"{name}: weights")
            target = AttentionOutput(expected.context, expected.weights if need_weights else None)
            pairs = zip(gradients(output), gradients(target), strict=True)
            for number, (actual, gradient) in enumerate(pairs):
                names = ["q", "k", "v"]
                of = names[number] if number < len(names) else f"parameter {number - len(names)}"
                ensure_near(actual, gradient, GRADIENTS, f"{name}: gradient of {of}")


def gradients_of(
    inputs: list[Tensor], expected: AttentionOutput, real: Tensor
) -> Callable[[AttentionOutput], list[Tensor]]:
    """A function from an output to the gradients of a loss that weighs every number differently."""
    directions = [torch.randn_like(expected.context) * real]
    if expected.weights is not None:
        directions.append(torch.randn_like(expected.weights) * real)

    def gradients(output: AttentionOutput) -> list[Tensor]:
        loss = (output.context * directions[0]).sum()
        if output.weights is not None:
            loss = loss + (output.weights * directions[1]).sum()
        grads = torch.autograd.grad(loss, inputs, retain_graph=True, allow_unused=True)
        return [torch.zeros_like(x) if g is None else g for x, g in zip(inputs, grads, strict=True)]

    return gradients


@torch.no_grad()
def padding_unseen(case: Case) -> None:
    """A row of a padded batch equals the sentence alone, whatever the padding holds."""
    core, bias, batch = case.core(), case.bias(), HeadBatch.of(case, RAGGED)
    padded = ~batch.padding.valid()[:, None, :, None]
    batch.k, batch.v = batch.k + 50 * padded * batch.k, batch.v + 50 * padded * batch.v
    together = batch.attend(core, bias).context
    for row, length in enumerate(RAGGED):
        if length == 0:
            continue
        queries = batch.q.size(2) if case.cross else length
        q, k, v = (x[row : row + 1] for x in (batch.q, batch.k, batch.v))
        padding = Padding(torch.tensor([length]), length)
        single = HeadBatch(q[:, :, :queries], k[:, :, :length], v[:, :, :length], padding)
        alone = single.attend(core, bias).context
        name = f"a sentence of {length} positions"
        ensure_near(together[row : row + 1, :, :queries], alone, OUTPUTS, f"{name} in a batch")
        without = core(single.q, single.k, single.v, padding=None, bias=bias).context
        ensure_near(without, alone, OUTPUTS, f"{name} without padding")


def padding_without_gradient(case: Case) -> None:
    """Padded keys and values get no gradient, and all gradients are finite."""
    core, bias, batch = case.core(), case.bias(), HeadBatch.of(case, RAGGED)
    leaves = batch.leaves()
    context = batch.attend(core, bias).context
    loss = (context * batch.real_queries(case)).square().sum()
    grads = torch.autograd.grad(loss, leaves, materialize_grads=True)
    for name, gradient in zip("kv", grads[1:], strict=True):
        ensure_all_finite(gradient, f"gradient of {name}")
        padded = gradient.masked_fill(batch.padding.valid()[:, None, :, None], 0)
        ensure(not padded.any(), f"gradient of {name}: padding has one")


@torch.no_grad()
def future_unseen(case: Case) -> None:
    """Later queries, keys and values do not change the context, and have no weight."""
    for start in (1, 2, 64, 149):
        core, bias, batch = case.core(), case.bias(), HeadBatch.of(case, [150])
        before = batch.attend(core, bias).context
        for x in (batch.q, batch.k, batch.v):
            x[:, :, start:] *= -20
        after = batch.attend(core, bias).context
        name = f"context of the first {start} positions"
        ensure_near(after[:, :, :start], before[:, :, :start], OUTPUTS, name)
        if case.exports_weights:
            weights = batch.attend(core, bias, need_weights=True).weights
            ensure(weights is not None, "weights: None, though they were requested")
            assert weights is not None
            ensure(not weights.triu(1).any(), "weights: a later key has one")


@torch.no_grad()
def weights_true(case: Case) -> None:
    """Weights times values are the context; rows sum as stated, unless they have a sign.

    Padding has no weight.
    """
    core, bias, batch = case.core(), case.bias(), HeadBatch.of(case, RAGGED)
    output, fast = batch.attend(core, bias, need_weights=True), batch.attend(core, bias)
    ensure(fast.weights is None, "weights: returned without a request")
    weights = output.weights
    ensure(weights is not None, "weights: None, though they were requested")
    assert weights is not None
    shape = (len(RAGGED), NUM_HEADS, batch.q.size(2), batch.k.size(2))
    ensure(weights.shape == shape, f"weights: shape {tuple(weights.shape)}, not {shape}")
    real = batch.real_queries(case)
    ensure_near(output.context * real, fast.context * real, OUTPUTS, "context with weights")
    values = core.values(batch.k, batch.v)
    product = weights @ values.repeat_interleave(NUM_HEADS // values.size(1), dim=1)
    ensure_near(product * real, fast.context * real, OUTPUTS, "weights times values")
    padded = (weights * real)[~batch.padding.key_mask().expand_as(weights)]
    ensure(not padded.any(), "weights: padding has some")
    if case.config.weights is WeightKind.signed or case.config.signed_weights:
        return
    ensure((weights >= 0).all(), "weights: some are negative")
    total = (weights * real).sum(-1)
    if case.sums_to_one:
        ensure_near(total, (total > 0.5).float(), OUTPUTS, "sum of a row of weights")
    elif case.config.sink is not Sink.none:
        ensure((total <= 1 + OUTPUTS).all(), "sum of a row of weights: above one beside a sink")


def nothing_to_read(case: Case) -> None:
    """A query of an empty source returns zeros; every output and gradient is finite."""
    core, bias, batch = case.core(), case.bias(), HeadBatch.of(case, [0, 3])
    leaves = [*batch.leaves(), *core.parameters()]
    for need_weights in (False, True) if case.exports_weights else (False,):
        output = batch.attend(core, bias, need_weights=need_weights)
        ensure_all_finite(output.context, "context")
        loss = output.context.square().sum()
        ensure(not (case.cross and output.context[0].any()), "context: not zero")
        if output.weights is not None:
            ensure_all_finite(output.weights, "weights")
            ensure(case.causal or not output.weights[0].any(), "weights: not zero")
            loss = loss + output.weights.square().sum()
        for gradient in torch.autograd.grad(loss, leaves, allow_unused=True):
            if gradient is not None:
                ensure_all_finite(gradient, "gradient")


@torch.no_grad()
def bfloat16_inputs(case: Case) -> None:
    """bfloat16 heads for float32 parameters, as under autocast, cost no more than rounding."""
    core, bias, batch = case.core(), case.bias(), HeadBatch.of(case, RAGGED)
    batch.q, batch.k, batch.v = batch.q.bfloat16(), batch.k.bfloat16(), batch.v.bfloat16()
    expected = reference(core, batch.q, batch.k, batch.v, padding=batch.padding, bias=bias)
    real = batch.real_queries(case)
    ensure_near(batch.attend(core, bias).context * real, expected.context * real, 3e-2, "context")


def dropout_of_weights(case: Case) -> None:
    """Attention dropout changes the context in training only, and its mean is the context."""
    core = replace(case, config=replace(case.config, dropout=0.5)).core()
    core.load_state_dict(case.core().state_dict())
    bias, batch = case.bias(), HeadBatch.of(case, [24, 9])
    real = batch.real_queries(case)
    with torch.no_grad():
        plain = batch.attend(core, bias, need_weights=case.exports_weights)
        expected = reference(core, batch.q, batch.k, batch.v, padding=batch.padding, bias=bias)
        name = "context in evaluation"
        ensure_near(plain.context * real, expected.context * real, OUTPUTS, name)
        core.train()
        dropped = batch.attend(core, bias, need_weights=case.exports_weights)
        draws = torch.stack([batch.attend(core, bias).context for _ in range(DRAWS)])
    if plain.weights is not None and dropped.weights is not None:
        name = "exported weights, which are those before dropout"
        ensure_near(dropped.weights * real, plain.weights * real, OUTPUTS, name)
    for context in (dropped.context, draws[0]):
        ensure(not torch.allclose(context, plain.context), "dropout: has no effect in training")
    # A value is dropped or doubled: the deviation of a mean of 100 is a tenth of the value.
    ensure_near(draws.mean(0) * real, plain.context * real, 0.5, f"mean of {DRAWS} draws")
