"""Sums of the roofline against hand formulas, and groups of profiled operators."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from seq2seq.bench import rates
from seq2seq.bench.passes import BatchShape, step_passes
from seq2seq.bench.profile import OUTSIDE, Operator, group_of, seconds_by_group, slowest
from seq2seq.bench.rates import Rates, fused_kernel, shortest_seconds, single_kernels, ways
from seq2seq.bench.roofline import least_step
from seq2seq.bench.roofline_text import roofline_text
from seq2seq.bench.work import (
    Attention,
    Draws,
    Exponentials,
    Group,
    PassWork,
    Product,
    Stream,
)
from tests.bench.test_passes import BATCH, TINY

FLOPS_PER_SECOND, BYTES_PER_SECOND = 1e11, 1e10


def seconds_of(work: PassWork) -> float:
    """A machine of two rates."""
    if isinstance(work, Stream | Draws):
        return work.bytes / BYTES_PER_SECOND
    return work.flops / FLOPS_PER_SECOND


def test_the_least_step_is_the_sum_of_its_passes() -> None:
    least = least_step(TINY, [BATCH], seconds_of)
    width, hidden = 128, 256
    source, target = BATCH.source_tokens, BATCH.target_tokens
    per_source = 4 * (4 * width**2 + 2 * width * hidden) + 4 * 2 * width**2
    per_target = 4 * (6 * width**2 + 2 * width * hidden)
    products = 6 * (source * per_source + target * per_target) / FLOPS_PER_SECOND
    assert least["groups"]["products"] == pytest.approx(products)
    optimizer = TINY.parameters * 32 / BYTES_PER_SECOND
    assert least["groups"]["optimizer"] == pytest.approx(optimizer)
    total = sum(item.count * seconds_of(item.work) for item in step_passes(TINY, BATCH))
    assert least["seconds_per_batch"] == pytest.approx(total)
    assert least["target_tokens_per_second"] == pytest.approx(target / total)
    assert sum(row["count"] * row["seconds"] for row in least["passes"]) == pytest.approx(total)


def test_batches_count_alike() -> None:
    short = BatchShape(400, 10, 9, 3800, 3400)
    least = least_step(TINY, [BATCH, short], seconds_of)
    times = [least_step(TINY, [batch], seconds_of)["seconds_per_batch"] for batch in (BATCH, short)]
    assert least["seconds_per_batch"] == pytest.approx(sum(times) / 2)
    assert least["target_tokens_per_second"] == pytest.approx((3500 + 3400) / sum(times))


def test_a_work_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[Any] = []
    monkeypatch.setattr(rates, "ways", lambda work: [work, work])
    monkeypatch.setattr(
        rates, "shortest_seconds", lambda way: measured.append(way) or len(measured)
    )
    work = Product(2, 2, 2, 4)
    measure = Rates()
    assert [measure(work), measure(replace(work))] == [1, 1], "the faster of two ways"
    assert measured == [work, work]


ATTENTION = Attention(2, 5, 5, 4, 2, 8, 4, causal=True, backward=False)


@pytest.mark.parametrize(
    "work",
    [
        Product(3, 4, 5, 4),
        Product(3, 4, 5, 2),
        ATTENTION,
        replace(ATTENTION, backward=True),
        replace(ATTENTION, causal=False, keys=7, element=2),
        Stream(100, 1),
        Exponentials(100),
        Draws(9),
    ],
)
def test_every_work_can_be_done(monkeypatch: pytest.MonkeyPatch, work: PassWork) -> None:
    monkeypatch.setattr(rates, "MEASURED_SECONDS", 0.0)
    assert all(shortest_seconds(way) > 0 for way in ways(work))


def test_both_kernels_of_attention_compute_it() -> None:
    torch.manual_seed(1)
    q, k, v = torch.randn(2, 4, 5, 8), torch.randn(2, 2, 6, 8), torch.randn(2, 2, 6, 8)
    expected = fused_kernel(q / 8**-0.5, k, v, False)
    torch.testing.assert_close(single_kernels(q, k, v, False), expected)


@pytest.mark.parametrize(
    ("name", "callers", "group"),
    [
        ("aten::mm", (), Group.products),
        ("aten::addmm", ("aten::linear",), Group.products),
        ("aten::mm", ("_SmoothedCrossEntropy",), Group.loss),
        ("aten::mul", ("_SmoothedCrossEntropyBackward",), Group.loss),
        ("aten::_fused_adamw_", ("Optimizer.step#AdamW.step",), Group.optimizer),
        ("aten::_foreach_norm", (), Group.optimizer),
        ("aten::add", ("Optimizer.step#AdamW.step",), Group.optimizer),
        ("aten::random_", (), Group.dropout),
        ("aten::_scaled_dot_product_flash_attention_for_cpu", (), Group.attention),
        ("aten::bmm", ("_ShortAttentionBackward",), Group.attention),
        ("aten::add", (), Group.element_wise),
        ("aten::native_layer_norm", ("aten::layer_norm",), Group.element_wise),
    ],
)
def test_operators_belong_to_groups(name: str, callers: tuple[str, ...], group: Group) -> None:
    assert group_of(Operator(name, callers, 1.0)) is group


def test_what_no_operator_accounts_for_is_outside() -> None:
    operators = [
        Operator("aten::mm", (), 0.5),
        Operator("aten::mm", (), 0.25),
        Operator("aten::add", (), 0.125),
    ]
    seconds = seconds_by_group(operators, 1.0)
    assert seconds["products"] == 0.75
    assert seconds[OUTSIDE] == 0.125
    assert sum(seconds.values()) == 1.0
    assert set(seconds) == {*(group.value for group in Group), OUTSIDE}
    assert slowest(operators, 1) == [{"operator": "aten::mm", "group": "products", "seconds": 0.75}]


def test_the_text_names_the_share_and_the_parts() -> None:
    results = {
        "contestants": ["ours", "plain"],
        "summary": [
            {"contestant": "ours", "figure": "target_tokens_per_second", "median": 9000.0},
            {"contestant": "plain", "figure": "target_tokens_per_second", "median": 10.0},
        ],
        "roofline": {
            "target_tokens_per_second": 12000.0,
            "seconds_per_batch": 0.3,
            "precision": "32-true",
            "threads": 2,
            "groups": {"products": 0.25, "loss": 0.05},
        },
        "profile": {"groups": {"products": 0.26, "loss": 0.05, OUTSIDE: 0.09}},
    }
    assert roofline_text(results).splitlines() == [
        "least possible: 300.0 ms a step, 12,000 target tokens/s in 32-true by 2 threads",
        "training: 9,000 target tokens/s, 75% of the roofline",
        "",
        "| part of a step | least, ms | profiled, ms | beyond the least, ms | share of that |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| products | 250.0 | 260.0 | 10.0 | 10% |",
        "| loss | 50.0 | 50.0 | 0.0 | 0% |",
        "| Python, dispatch, data | 0.0 | 90.0 | 90.0 | 90% |",
        "| all | 300.0 | 400.0 | 100.0 | 100% |",
    ]
