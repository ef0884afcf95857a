from dataclasses import replace

import pytest

from seq2seq.decoding.config import DecodingConfig, DecodingMethod, LengthPenalty
from seq2seq.options import problems_in

SAMPLING = DecodingConfig(method=DecodingMethod.sampling)


def test_defaults_have_no_problems() -> None:
    assert DecodingConfig().problems() == []
    assert SAMPLING.problems() == []
    assert DecodingConfig(beam_size=1).problems() == []


@pytest.mark.parametrize(
    "config",
    [
        DecodingConfig(beam_size=0),
        DecodingConfig(n_best=0),
        DecodingConfig(beam_size=2, n_best=3),
        DecodingConfig(alpha=-0.5),
        DecodingConfig(alpha=float("nan")),
        DecodingConfig(length_penalty=LengthPenalty.none, alpha=0.6),
        DecodingConfig(max_length_ratio=-1),
        DecodingConfig(max_length_offset=-1),
        DecodingConfig(max_length_ratio=0, max_length_offset=0),
        DecodingConfig(min_length=-1),
        DecodingConfig(min_length_ratio=-1),
        DecodingConfig(batch_size=0),
        DecodingConfig(batch_tokens=0),
        DecodingConfig(temperature=0.5),
        DecodingConfig(top_k=3),
        DecodingConfig(top_p=0.9),
        DecodingConfig(seed=2),
        replace(SAMPLING, beam_size=3),
        replace(SAMPLING, temperature=0),
        replace(SAMPLING, temperature=float("nan")),
        replace(SAMPLING, top_k=0),
        replace(SAMPLING, top_p=0),
        replace(SAMPLING, top_p=1.1),
    ],
    ids=str,
)
def test_a_wrong_option_is_refused_once_and_by_name(config: DecodingConfig) -> None:
    base = SAMPLING if config.method is DecodingMethod.sampling else DecodingConfig()
    changed = [name for name in vars(config) if getattr(config, name) != getattr(base, name)]
    (problem,) = problems_in(config)
    option, _, _ = problem.partition(":")
    assert option in changed


def test_sampling_may_return_more_than_a_beam() -> None:
    assert replace(SAMPLING, n_best=20).problems() == []
    assert replace(SAMPLING, n_best=20).hypotheses == 20
    assert DecodingConfig(beam_size=4).hypotheses == 4
