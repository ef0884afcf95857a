"""The list of passes of a training step, against formulas by hand."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from seq2seq.bench.passes import BatchShape, ModelShape, step_passes
from seq2seq.bench.work import Attention, Draws, Exponentials, Group, Pass, Product

TINY = ModelShape(
    d_model=128,
    d_ff=256,
    heads=4,
    kv_heads=4,
    encoder_layers=4,
    decoder_layers=4,
    target_vocab=8000,
    parameters=2_600_000,
    has_dropout=True,
)
DEEP = replace(TINY, encoder_layers=12, decoder_layers=1, d_model=512, d_ff=2048, heads=8)
MODELS = [
    TINY,
    replace(DEEP, kv_heads=8),
    replace(DEEP, kv_heads=2),
    replace(TINY, element=2, accumulate=4),
    replace(TINY, has_dropout=False),
]
BATCH = BatchShape(
    rows=200, source_width=20, target_width=18, source_tokens=3900, target_tokens=3500
)


def total(model: ModelShape, group: Group, size: Callable[[Pass], float]) -> float:
    return sum(size(item) for item in step_passes(model, BATCH) if item.group is group)


@pytest.mark.parametrize("model", MODELS)
def test_products_are_six_operations_for_each_weight_and_token(model: ModelShape) -> None:
    width, hidden, kv = model.d_model, model.d_ff, model.kv_heads * model.d_model // model.heads
    attention = 2 * width**2 + 2 * width * kv  # queries and output, keys and values
    encoder = model.encoder_layers * (attention + 2 * width * hidden)
    decoder = model.decoder_layers * (attention + 2 * width**2 + 2 * width * hidden)
    on_source = model.decoder_layers * 2 * width * kv
    source, target = BATCH.source_tokens, BATCH.target_tokens
    expected = 6 * (source * (encoder + on_source) + target * decoder)
    assert total(model, Group.products, lambda item: item.flops) == pytest.approx(expected)
    products = [item for item in step_passes(model, BATCH) if item.group is Group.loss]
    flops = sum(item.flops for item in products if isinstance(item.work, Product))
    assert flops == pytest.approx(6 * target * width * model.target_vocab)


@pytest.mark.parametrize("model", MODELS)
def test_the_softmax_has_an_exponential_for_each_logit(model: ModelShape) -> None:
    counted = sum(
        item.count * item.work.count
        for item in step_passes(model, BATCH)
        if isinstance(item.work, Exponentials)
    )
    assert counted == pytest.approx(BATCH.target_tokens * model.target_vocab)


@pytest.mark.parametrize("model", MODELS)
def test_dropout_decides_once_for_each_element_behind_it(model: ModelShape) -> None:
    source, target = BATCH.source_tokens, BATCH.target_tokens
    width, hidden = model.d_model, model.d_ff
    expected = source * (width + model.encoder_layers * (2 * width + hidden))
    expected += target * (width + model.decoder_layers * (3 * width + hidden))
    counted = sum(
        item.count * item.work.count
        for item in step_passes(model, BATCH)
        if isinstance(item.work, Draws)
    )
    assert counted == (expected if model.has_dropout else 0)


@pytest.mark.parametrize("model", MODELS)
def test_attention_counts_both_products_of_every_weight(model: ModelShape) -> None:
    per_weight = 4 * model.d_model // model.heads + 10, 10 * model.d_model // model.heads + 10
    heads, rows = model.heads, BATCH.rows
    encoder = model.encoder_layers * rows * heads * 20 * 20
    causal = model.decoder_layers * rows * heads * 18 * 19 / 2
    cross = model.decoder_layers * rows * heads * 18 * 20
    expected = sum(per_weight) * (encoder + causal + cross)
    assert total(model, Group.attention, lambda item: item.flops) == pytest.approx(expected)


def test_attention_moves_each_operand_once() -> None:
    work = Attention(
        rows=2, queries=3, keys=5, heads=4, kv_heads=2, head_dim=8, element=2, causal=False,
        backward=False,
    )  # fmt: skip
    read = 2 * 8 * (4 * 3 + 2 * 5 * 2)
    written = 2 * 8 * 4 * 3
    assert work.bytes == 2 * (read + written)


@pytest.mark.parametrize("model", MODELS)
def test_the_optimizer_moves_eight_numbers_for_each_parameter(model: ModelShape) -> None:
    copies = 2 if model.element == 2 else 0
    expected = model.parameters * (8 * 4 + copies) / model.accumulate
    assert total(model, Group.optimizer, lambda item: item.bytes) == pytest.approx(expected)


def test_element_wise_passes_move_what_the_list_says() -> None:
    model, size = TINY, 128
    source, target = BATCH.source_tokens * size, BATCH.target_tokens * size
    between = (2 * 4 + 8 + 1) + (3 * 4 + 8 + 1)
    activation = (2 + 3) * 4 * 2  # d_ff is twice as wide
    embedding = (8 + 4 + 1) + (2 * 4 + 12 + 1)
    expected = source * (8 * between + 4 * activation + embedding)
    expected += target * (12 * between + 4 * activation + embedding)
    assert total(model, Group.element_wise, lambda item: item.bytes) == expected


def test_names_are_distinct_and_groups_known() -> None:
    passes = step_passes(TINY, BATCH)
    assert len({item.name for item in passes}) == len(passes)
    assert {item.group for item in passes} == set(Group)
