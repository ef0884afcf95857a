"""Position schemes: their registry, kinds and options."""

import re

import pytest

from seq2seq.position.config import POSITION_SCHEMES, PositionKind, RopeConfig, T5Config


def test_built_in_schemes() -> None:
    assert set(POSITION_SCHEMES) == {"sinusoidal", "learned", "rope", "alibi", "t5", "none"}


@pytest.mark.parametrize("name", POSITION_SCHEMES)
def test_a_scheme_acts_in_one_place(name: str) -> None:
    config = POSITION_SCHEMES[name]()
    absolute = config.absolute(d_model=8, max_length=5)
    relative = config.relative(num_heads=2, head_dim=4, causal=True)
    assert (absolute is not None) == (config.kind is PositionKind.absolute)
    assert (relative is not None) == (config.kind in {PositionKind.rotary, PositionKind.bias})
    assert config.problems() == []


@pytest.mark.parametrize(
    ("config", "option"),
    [
        (RopeConfig(base=1.0), "base"),
        (T5Config(num_buckets=6), "num_buckets"),
        (T5Config(num_buckets=0), "num_buckets"),
        (T5Config(max_distance=-1), "max_distance"),
        (T5Config(num_buckets=32, max_distance=16), "max_distance"),
    ],
)
def test_options_that_cannot_work_are_problems(config: RopeConfig | T5Config, option: str) -> None:
    (problem,) = config.problems()
    assert re.match(rf"{option}: must .* not .*; (choose|the default is) ", problem)
