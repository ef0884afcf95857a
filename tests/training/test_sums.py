"""Sums that stay on the device."""

import torch

from seq2seq.training.sums import LossSums, RunningSums


def test_sums_are_exact_and_start_again_when_moved() -> None:
    sums = RunningSums(3)
    for number in (0.1, 0.2, 0.3):
        sums.add(torch.tensor(number, requires_grad=True), torch.tensor(3), 2.0)
    expected = float(torch.tensor([0.1, 0.2, 0.3]).double().sum())
    assert sums.state() == [expected, 9.0, 6.0]
    total = RunningSums(3)
    total.load([1.0, 1.0, 1.0])
    sums.move_to(total)
    assert total.state() == [expected + 1, 10.0, 7.0]
    assert sums.state() == [0.0, 0.0, 0.0]


def test_sums_continue_from_a_checkpoint() -> None:
    first, second = RunningSums(2), RunningSums(2)
    for value in (1e8, 1e-3):
        first.add(torch.tensor(value), 1.0)
    second.load(first.state())
    for sums in (first, second):
        sums.add(torch.tensor(1e-3), 1.0)
    assert first.state() == second.state()


def test_sums_follow_the_device() -> None:
    sums = RunningSums(1)
    sums.add(torch.zeros((), device="meta"))
    assert sums.values.device.type == "meta"


def test_losses_of_a_skipped_step_do_not_count() -> None:
    sums = LossSums(["alignment"])
    for loss, skipped in ((1.0, False), (float("nan"), True), (3.0, False)):
        for _ in range(2):
            value = torch.tensor(loss)
            sums.add(value, value, torch.tensor(1.0), 2)
            sums.add_auxiliary("alignment", value, 4)
        sums.end_step(skipped=skipped)
    means = {"train/loss": 1.0, "train/nll": 1.0, "train/accuracy": 0.5}
    assert sums.means() == {**means, "train/alignment_loss": 0.5}
    sums.clear()
    assert set(sums.means().values()) == {0.0}
