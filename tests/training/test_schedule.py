"""The learning rate at its corners."""

from collections.abc import Callable

import pytest

from seq2seq.training.optimizer_config import CooldownShape, ScheduleConfig, ScheduleKind
from seq2seq.training.schedule import learning_rate_factor


@pytest.mark.parametrize("kind", list(ScheduleKind))
def test_warm_up_is_linear_and_ends_at_the_peak(kind: ScheduleKind) -> None:
    config = ScheduleConfig(kind=kind, warmup_steps=10)
    factors = [learning_rate_factor(step, config, max_steps=100) for step in range(10)]
    assert factors == pytest.approx([(step + 1) / 10 for step in range(10)])


@pytest.mark.parametrize("kind", list(ScheduleKind))
def test_no_warm_up_starts_at_the_peak(kind: ScheduleKind) -> None:
    assert learning_rate_factor(0, ScheduleConfig(kind=kind, warmup_steps=0), max_steps=10) == 1


@pytest.mark.parametrize("kind", [ScheduleKind.cosine, ScheduleKind.linear])
def test_the_last_step_is_at_the_final_ratio(kind: ScheduleKind) -> None:
    config = ScheduleConfig(kind=kind, warmup_steps=10, final_ratio=0.25)
    assert learning_rate_factor(99, config, max_steps=100) == pytest.approx(0.25)
    assert learning_rate_factor(54, config, max_steps=100) == pytest.approx(0.625)
    assert learning_rate_factor(500, config, max_steps=100) == pytest.approx(0.25)


def test_inverse_sqrt_is_that_of_the_paper() -> None:
    config = ScheduleConfig(kind=ScheduleKind.inverse_sqrt, warmup_steps=100)
    assert learning_rate_factor(399, config, max_steps=1000) == pytest.approx(0.5)


def test_constant_stays() -> None:
    config = ScheduleConfig(kind=ScheduleKind.constant, warmup_steps=3)
    assert {learning_rate_factor(step, config, max_steps=9) for step in range(3, 50)} == {1.0}


SHAPES: dict[CooldownShape, Callable[[float], float]] = {
    CooldownShape.linear: lambda x: 1 - x,
    CooldownShape.sqrt: lambda x: 1 - x**0.5,
    CooldownShape.power: lambda x: (1 - x) ** 3,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_cool_down_follows_its_formula(shape: CooldownShape) -> None:
    config = ScheduleConfig(
        kind=ScheduleKind.flat_cooldown,
        warmup_steps=10,
        final_ratio=0.1,
        cooldown_share=0.25,
        cooldown_shape=shape,
        cooldown_power=3.0,
    )
    factors = [learning_rate_factor(step, config, max_steps=80) for step in range(90)]
    assert factors[9:60] == [1.0] * 51
    assert factors[60:80] == pytest.approx(
        [0.1 + 0.9 * SHAPES[shape]((number - 60) / 20) for number in range(61, 81)]
    )
    assert factors[80:] == pytest.approx([0.1] * 10)


def test_a_cool_down_begins_after_the_warm_up() -> None:
    config = ScheduleConfig(
        kind=ScheduleKind.flat_cooldown, warmup_steps=10, final_ratio=0.0, cooldown_share=1.0
    )
    assert learning_rate_factor(9, config, max_steps=20) == 1.0
    assert learning_rate_factor(14, config, max_steps=20) == pytest.approx(0.5)


def test_a_warm_up_that_does_not_end_has_a_caution() -> None:
    assert ScheduleConfig(warmup_steps=9).cautions(10) == []
    (caution,) = ScheduleConfig(warmup_steps=10).cautions(10)
    assert caution.startswith("schedule.warmup_steps: the warm-up takes 10 steps")
