"""Sums that stay on the device."""

import torch

from seq2seq.training.sums import RunningSums


def test_sums_are_exact_and_start_again_when_read() -> None:
    sums = RunningSums(3)
    for number in (0.1, 0.2, 0.3):
        sums.add(torch.tensor(number, requires_grad=True), torch.tensor(3), 2.0)
    expected = float(torch.tensor([0.1, 0.2, 0.3]).double().sum())
    assert sums.state() == [expected, 9.0, 6.0]
    assert sums.take() == [expected, 9.0, 6.0]
    assert sums.take() == [0.0, 0.0, 0.0]


def test_sums_continue_from_a_checkpoint() -> None:
    first, second = RunningSums(2), RunningSums(2)
    for value in (1e8, 1e-3):
        first.add(torch.tensor(value), 1.0)
    second.load(first.state())
    for sums in (first, second):
        sums.add(torch.tensor(1e-3), 1.0)
    assert first.take() == second.take()


def test_sums_follow_the_device() -> None:
    sums = RunningSums(1)
    sums.add(torch.zeros((), device="meta"))
    assert sums.values.device.type == "meta"
