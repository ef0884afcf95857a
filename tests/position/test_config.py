import pytest

from seq2seq.position.config import PositionKind, RopeConfig, T5Config, position_schemes


def test_every_scheme_is_found_by_its_name() -> None:
    assert set(position_schemes()) == {"sinusoidal", "learned", "rope", "alibi", "t5", "none"}


@pytest.mark.parametrize("name", position_schemes())
def test_a_scheme_acts_in_one_place(name: str) -> None:
    config = position_schemes()[name]()
    absolute = config.absolute(d_model=8, max_length=5)
    relative = config.relative(num_heads=2, head_dim=4, causal=True)
    assert (absolute is not None) == (config.kind is PositionKind.ABSOLUTE)
    assert (relative is not None) == (config.kind in {PositionKind.ROTARY, PositionKind.BIAS})
    assert config.problems() == []


@pytest.mark.parametrize(
    ("config", "option"),
    [
        (RopeConfig(base=1.0), "base"),
        (T5Config(num_buckets=6), "num_buckets"),
        (T5Config(num_buckets=0), "num_buckets"),
        (T5Config(num_buckets=32, max_distance=16), "max_distance"),
    ],
)
def test_options_that_cannot_work_are_problems(config: RopeConfig | T5Config, option: str) -> None:
    (problem,) = config.problems()
    assert problem.startswith(f"{option}: ") and "choose" in problem
