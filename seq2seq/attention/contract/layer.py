"""Checks of `MultiHeadAttention` with a core: projections, positions, caches, beams, autocast.

Every check takes a case and raises `ContractViolation`, with the reason, if it does not hold.
"""

import itertools
from functools import partial

import torch
from torch import Tensor

from seq2seq.attention.contract.batch import (
    CPU,
    GRADIENTS,
    ensure,
    ensure_all_finite,
    ensure_near,
)
from seq2seq.attention.contract.cases import D_MODEL, HEAD_DIM, NUM_HEADS, Case
from seq2seq.attention.contract.decoding import normal
from seq2seq.attention.modifiers import EPSILON, OutputGate
from seq2seq.attention.multihead import MultiHeadAttention
from seq2seq.attention.projections import on_vectors
from seq2seq.attention.reference import reference
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias, Rotation

LENGTHS = [100, 63, 0, 2, 1]
ORDERS = {2: [1, 0, 2, 2], 5: [3, 1, 0], 9: [2, 0, 1]}  # of rows, after that step
TOLERANCES = {False: 5e-5, True: 4e-2}  # without and with autocast to bfloat16


def precisions(case: Case) -> list[bool]:
    """Whether to autocast: not where rounding may exchange the keys that are read."""
    return [low for low in TOLERANCES if case.continuous or not low]


def autocast(enabled: bool) -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16, enabled=enabled)


def layer_is_the_formula(case: Case) -> None:
    """The layer is projections, modifiers and positions around the formula of the core.

    Head h of d_model holds its dimensions h K to (h + 1) K.
    """
    attention, relative = case.attention(), case.relative()
    source = normal(2, 19, D_MODEL)
    x = normal(2, 5, D_MODEL, seed=1) if case.cross else source
    padding = Padding(torch.tensor([19, 7]), 19)
    q, k, v = projected(case, attention, x, source)
    if case.config.qk_norm:
        q, k = normalised(case, attention, q, k)
    if isinstance(relative, Rotation):
        turn = partial(relative, positions=torch.arange(19))
        q = on_vectors(turn, q, HEAD_DIM, case.widths.query_vectors)
        k = on_vectors(turn, k, HEAD_DIM)
    bias = relative if isinstance(relative, LogitBias) else None
    formula = reference(attention.core, q, k, v, padding=padding, bias=bias)
    context = formula.context.float()
    if attention.gate is not None:
        context = context * opened(attention.gate, x)
    expected = attention.output(torch.cat(context.unbind(1), dim=-1))
    real = torch.ones(2, x.size(1), 1) if case.cross else padding.valid()[..., None]
    direction = normal(*expected.shape, seed=2) * real
    parameters = dict(attention.named_parameters())
    gradients = torch.autograd.grad((expected * direction).sum(), list(parameters.values()))
    for need_weights in (False, True) if case.exports_weights else (False,):
        output = attention(
            x,
            source if case.cross else None,
            padding=padding,
            position=relative,
            need_weights=need_weights,
        )
        name = f"{'with' if need_weights else 'without'} weights: "
        ensure_near(output.context * real, expected * real, TOLERANCES[False], f"{name}context")
        if need_weights and formula.weights is not None:
            of_real = real[:, None]
            weights = output.weights * of_real, formula.weights * of_real
            ensure_near(*weights, TOLERANCES[False], "weights of the layer")
        actual = torch.autograd.grad((output.context * direction).sum(), list(parameters.values()))
        for of, gradient, target in zip(parameters, actual, gradients, strict=True):
            ensure_near(gradient, target, GRADIENTS, f"{name}gradient of {of}")


def normalised(
    case: Case, attention: MultiHeadAttention, q: Tensor, k: Tensor
) -> tuple[Tensor, Tensor]:
    """Queries and keys whose products, divided by sqrt(K), are g cos(q, k)."""
    assert attention.query_key_norm is not None
    scale = attention.query_key_norm.scale[:, None, None] * HEAD_DIM**0.5

    def unit(x: Tensor) -> Tensor:
        return x / (x.square().sum(-1, keepdim=True) + EPSILON).sqrt()

    q = on_vectors(lambda x: scale * unit(x), q, HEAD_DIM, case.widths.query_vectors)
    return q, on_vectors(unit, k, HEAD_DIM)


def opened(gate: OutputGate, x: Tensor) -> Tensor:
    """Gates (B, H, T, K) of x (B, T, D): sigmoid(x W), the same within a head if W has H rows."""
    repeats = D_MODEL // gate.weight.size(0)
    gates = 1 / (1 + (-(x @ gate.weight.T.repeat_interleave(repeats, 1))).exp())
    return torch.stack(gates.split(HEAD_DIM, -1), dim=1)


def projected(case: Case, attention: MultiHeadAttention, x: Tensor, source: Tensor) -> list[Tensor]:
    """Queries, keys and values, head by head."""
    numbers = [NUM_HEADS, case.num_kv_heads, case.num_kv_heads]
    widths = case.widths[:3]
    sizes = [number * width for number, width in zip(numbers, widths, strict=True)]
    weights = attention.query_key_value.weight.split(sizes)
    biases = attention.query_key_value.bias.split(sizes)
    heads = []
    for of, y in enumerate((x, source, source)):
        flat, width = y @ weights[of].T + biases[of], widths[of]
        parts = [flat[..., h * width : (h + 1) * width] for h in range(numbers[of])]
        heads.append(torch.stack(parts, dim=1))
    return heads


def layer_padding_unseen(case: Case) -> None:
    """A padded batch equals each sentence alone, also under autocast; gradients are finite."""
    keys = normal(len(LENGTHS), max(LENGTHS), D_MODEL)
    x = normal(len(LENGTHS), 5, D_MODEL, seed=1) if case.cross else keys
    outputs = {low: padded_batch(case, x, keys, low) for low in precisions(case)}
    name = "context under autocast"
    ensure_near(outputs.get(True, outputs[False]), outputs[False], TOLERANCES[True], name)


def padded_batch(case: Case, x: Tensor, keys: Tensor, low: bool) -> Tensor:
    """Context (B, T, D) of the real queries of a padded batch, which is checked."""
    attention, relative = case.attention(), case.relative()

    def attend(x: Tensor, keys: Tensor, lengths: list[int]) -> Tensor:
        padding = Padding(torch.tensor(lengths), keys.size(1))
        source = keys if case.cross else None
        context: Tensor = attention(x, source, padding=padding, position=relative).context
        return context

    real = Padding(torch.tensor(LENGTHS), keys.size(1)).valid()
    if case.cross:
        real = torch.ones(x.shape[:2], dtype=torch.bool)
    with autocast(low):
        together = attend(x, keys, LENGTHS)
        (together.float() * real[..., None]).square().sum().backward()
        for row, length in enumerate(LENGTHS):
            queries = x.size(1) if case.cross else length
            if length > 0:
                rows = slice(row, row + 1)
                with torch.no_grad():
                    alone = attend(x[rows, :queries], keys[rows, :length], [length])
                name = f"a sentence of {length} positions{' under autocast' if low else ''}"
                ensure_near(together[rows, :queries], alone, TOLERANCES[low], name)
    for name, parameter in attention.named_parameters():
        ensure(parameter.grad is not None, f"{name}: has no gradient")
        assert parameter.grad is not None
        ensure_all_finite(parameter.grad, f"gradient of {name}")
    return together.detach() * real[..., None]


@torch.no_grad()
def layer_steps_equal_the_whole(case: Case) -> None:
    """Steps with positions, while rows are exchanged, repeated and dropped."""
    for low, split in itertools.product(precisions(case), ([1], [4, 5, 2])):
        attention, relative, x = case.attention(), case.relative(), normal(3, 40, D_MODEL)
        with autocast(low):
            cache = attention.empty_cache(3, capacity=40, dtype=torch.float32, device=CPU)
            history, sizes = x[:, :0], itertools.cycle(split)
            for turn in itertools.count():
                new = x[:, history.size(1) : history.size(1) + next(sizes)]
                if new.size(1) == 0:
                    break
                history = torch.cat([history, new], dim=1)
                stepped = attention(new, cache=cache, position=relative).context
                if turn % 3 == 0:
                    whole = attention(history, position=relative).context[:, -new.size(1) :]
                    name = f"step after {history.size(1)} positions"
                    ensure_near(stepped, whole, TOLERANCES[low], name)
                if turn in ORDERS:
                    rows = torch.tensor(ORDERS[turn])
                    cache.reorder(rows)
                    history, x = history[rows], normal(len(rows), 40, D_MODEL, seed=turn)


@torch.no_grad()
def beams_read_their_sentence(case: Case) -> None:
    """Three beams per sentence and two queries per step, from one cache row per sentence."""
    attention = case.attention()
    x, source = normal(4 * 3, 2, D_MODEL, seed=1), normal(4, 63, D_MODEL)
    padding = Padding(torch.tensor([63, 1, 0, 40]), 63)
    for low in precisions(case):
        with autocast(low):
            cache = attention.source_cache(source, padding)
            rows = torch.arange(4).repeat_interleave(3)
            whole = attention(x, source[rows], padding=padding.select(rows)).context
            cached = attention(x, cache=cache).context
            ensure_near(cached, whole, TOLERANCES[low], "beams of every sentence")
            cache.reorder(torch.tensor([3, 0]))
            rows = torch.tensor([9, 10, 11, 0, 1, 2])
            cached = attention(x[rows], cache=cache).context
            ensure_near(cached, whole[rows], TOLERANCES[low], "beams of two sentences")
