"""Averages of parameters over steps against their formulas, kept, restored and put in place."""

import contextlib
import copy
import math

import pytest
import torch
from torch import nn

from seq2seq.training.config import Export, TrainerConfig
from seq2seq.training.weight_average import WeightAverage, build_weight_average


def model_of(value: float) -> nn.Module:
    model = nn.Linear(2, 1)
    fill(model, value)
    model.bias.requires_grad_(requires_grad=False)
    return model


def fill(model: nn.Module, value: float) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)


def averaged(average: WeightAverage, model: nn.Module, values: list[float], length: int) -> float:
    """The average after steps with these parameters, of a run of some length."""
    for step, value in enumerate(values, 1):
        fill(model, value)
        average.update(step, length)
    return float(average.averages["weight"][0, 0])


VALUES = [4.0, -2.0, 7.0, 1.0, 3.0, 8.0]


def test_ema_is_a_mean_first_and_then_exponential() -> None:
    model = model_of(0.0)
    average = build_weight_average(model, TrainerConfig(export=Export.ema, ema_decay=0.75))
    assert average is not None
    expected = sum(VALUES[:4]) / 4
    for value in VALUES[4:]:
        expected = 0.75 * expected + 0.25 * value
    assert averaged(average, model, VALUES, 99) == pytest.approx(expected)
    assert set(average.averages) == {"weight"}, "only trained parameters are averaged"


@pytest.mark.parametrize(("share", "count"), [(1.0, 6), (0.5, 3), (0.4, 3), (0.01, 1)])
def test_the_tail_is_the_mean_of_its_share_of_the_steps(share: float, count: int) -> None:
    model = model_of(0.0)
    average = build_weight_average(model, TrainerConfig(export=Export.tail, tail_share=share))
    assert average is not None
    found = averaged(average, model, VALUES, len(VALUES))
    assert found == pytest.approx(sum(VALUES[-count:]) / count)
    assert average.count == count


def test_the_tail_of_a_longer_run_begins_again() -> None:
    model = model_of(0.0)
    average = WeightAverage(model, decay=1.0, first_share=0.5)
    averaged(average, model, VALUES, 6)
    average.update(7, 20)
    assert not average.averages and average.count == 0
    average.update(11, 20)
    assert average.count == 1


def test_other_exports_keep_none() -> None:
    for export in (Export.average, Export.best, Export.last):
        assert build_weight_average(model_of(0.0), TrainerConfig(export=export)) is None


def test_it_is_in_place_for_a_while_also_when_that_fails() -> None:
    model = model_of(0.0)
    average = WeightAverage(model, decay=0.5)
    with average.in_place():
        assert not model.weight.any(), "empty, it changes nothing"
    expected = averaged(average, model, VALUES, 99)
    with contextlib.suppress(KeyboardInterrupt), average.in_place():
        assert (model.weight == expected).all()
        raise KeyboardInterrupt
    assert (model.weight == VALUES[-1]).all()
    assert float(average.averages["weight"][0, 0]) == expected


@pytest.mark.parametrize("steps", range(len(VALUES)))
def test_a_restored_average_goes_on_exactly(steps: int) -> None:
    models = model_of(0.0), model_of(0.0)
    first, second = (WeightAverage(model, decay=0.7) for model in models)
    for step, value in enumerate(VALUES):
        if step == steps:
            second.load_state_dict(copy.deepcopy(first.state_dict()))
        for model, average in zip(models, (first, second), strict=True):
            fill(model, value / 3)
            if average is first or step >= steps:
                average.update(step + 1, 99)
    assert torch.equal(first.averages["weight"], second.averages["weight"])
    assert not math.isnan(float(first.averages["weight"].sum()))
