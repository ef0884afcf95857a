from dataclasses import fields, replace

import pytest

from seq2seq.config.saved import from_mapping
from seq2seq.decoding.config import (
    OF_BOTH_ENGINES,
    DecodingConfig,
    DecodingMethod,
    Engine,
    LengthPenalty,
    Quantization,
)
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


ENGINE = DecodingConfig(engine=Engine.ctranslate2)
REFUSED_BY_ENGINE: dict[str, object] = {
    "min_length": 1,
    "min_length_ratio": 0.5,
    "workers": 2,
    "segmentations": 4,
}


def test_every_option_is_honoured_by_the_engine_or_refused() -> None:
    sampling = {"temperature", "top_k", "top_p", "seed"}  # read by no beam search
    refused = {
        *REFUSED_BY_ENGINE,
        "segmentation_dropout",
    }  # which nothing reads without more of them
    names = {item.name for item in fields(DecodingConfig)}
    assert names == {*OF_BOTH_ENGINES, *sampling, *refused}
    assert ENGINE.problems() == []
    assert replace(ENGINE, workers=1).problems() == []


@pytest.mark.parametrize("name", REFUSED_BY_ENGINE)
def test_an_option_that_the_engine_cannot_honour_is_refused(name: str) -> None:
    value = REFUSED_BY_ENGINE[name]
    (problem,) = replace(ENGINE, **{name: value}).problems()
    assert problem.startswith(f"{name}: must be {0 if name.startswith('min') else 1}")
    assert problem.endswith(f"with engine=ctranslate2, not {value}; choose engine=torch")


def test_all_that_the_engine_cannot_honour_is_refused_at_once() -> None:
    config = DecodingConfig(
        engine=Engine.ctranslate2,
        method=DecodingMethod.sampling,
        length_penalty=LengthPenalty.gnmt,
        temperature=0.5,
        min_length=2,
    )
    names = [problem.split(":")[0] for problem in config.problems()]
    assert sorted(names) == ["length_penalty", "method", "min_length", "temperature"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("quantization", Quantization.int8), ("inter_threads", 2), ("intra_threads", 2)],
)
def test_options_of_the_engine_are_read_by_it_only(name: str, value: object) -> None:
    assert list(problems_in(replace(ENGINE, **{name: value}))) == []
    (problem,) = problems_in(replace(DecodingConfig(), **{name: value}))
    assert problem == f"{name}: is set but not read; choose engine=ctranslate2, or leave it out"


def test_without_an_engine_the_own_search_searches() -> None:
    assert from_mapping(DecodingConfig, {}).engine is Engine.torch
