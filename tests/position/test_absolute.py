"""Added positions: sines and cosines of the published formula, and trained vectors."""

import math

import pytest
import torch

from seq2seq.position.absolute import Learned, Sinusoidal
from seq2seq.position.config import LearnedConfig, SinusoidalConfig


@pytest.mark.parametrize("d_model", [2, 6, 7, 64])
def test_sinusoidal_is_the_published_formula(d_model: int) -> None:
    table = Sinusoidal(SinusoidalConfig(), d_model=d_model, max_length=10)(
        torch.tensor([0, 1, 9, 500])
    )
    assert table.shape == (4, d_model)
    for row, p in zip(table, (0, 1, 9, 500), strict=True):
        for dimension, value in enumerate(row.tolist()):
            angle = p / 10_000 ** (2 * (dimension // 2) / d_model)
            expected = math.sin(angle) if dimension % 2 == 0 else math.cos(angle)
            assert value == pytest.approx(expected, abs=1e-4)


def test_sinusoidal_has_no_longest_position_and_nothing_to_save() -> None:
    sinusoidal = Sinusoidal(SinusoidalConfig(), d_model=8, max_length=4)
    assert sinusoidal(torch.tensor([100_000])).isfinite().all()
    assert not sinusoidal.state_dict()


def test_learned_has_one_trained_vector_a_position_and_none_beyond() -> None:
    learned = Learned(LearnedConfig(), d_model=8, max_length=5)
    table = learned(torch.arange(5))
    assert table.shape == (5, 8)
    assert [tuple(p.shape) for p in learned.parameters()] == [(5, 8)]
    assert len({tuple(row) for row in table.tolist()}) == 5
    assert torch.equal(learned(torch.tensor([3]))[0], table[3])
    with pytest.raises(IndexError):
        learned(torch.tensor([5]))
