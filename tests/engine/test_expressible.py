"""What CTranslate2 cannot express is refused by name, and so is everything that is new."""

from dataclasses import dataclass, fields, replace
from typing import ClassVar

import pytest

from seq2seq.attention.catalogue import FullConfig
from seq2seq.attention.config import MECHANISMS, AttentionConfig, Role
from seq2seq.config.schema import RunConfig
from seq2seq.config.validate import run_problems
from seq2seq.decoding.config import DecodingConfig, Engine
from seq2seq.engine.expressible import (
    EXPRESSIBLE_VALUES,
    OR_USE_TORCH,
    TRAIN_ANOTHER,
    ensure_expressible,
    expression_problems,
)
from seq2seq.errors import ConfigError
from seq2seq.model.config import DecoderConfig, EncoderConfig, ModelConfig
from seq2seq.position.config import (
    POSITION_SCHEMES,
    AlibiConfig,
    PositionConfig,
    PositionKind,
)
from tests.combinations import legal_combinations, sample

EXPRESSED = {"full", "mqa", "gqa", "flash"}
SCHEMES = {"sinusoidal", "learned", "rope", "alibi", "t5", "none"}
PATHS = {
    Role.ENCODER: "model.encoder.self_attention",
    Role.CAUSAL: "model.decoder.self_attention",
    Role.CROSS: "model.decoder.cross_attention",
}


def problems(model: ModelConfig, source_kind: str = "text") -> list[str]:
    return list(expression_problems(model, source_kind, remedy=OR_USE_TORCH))


def in_role(role: Role, config: AttentionConfig) -> ModelConfig:
    if role is Role.ENCODER:
        return ModelConfig(encoder=EncoderConfig(self_attention=config))
    if role is Role.CAUSAL:
        return ModelConfig(decoder=DecoderConfig(self_attention=config))
    return ModelConfig(decoder=DecoderConfig(cross_attention=config))


@pytest.mark.parametrize("name", MECHANISMS)
def test_other_mechanisms_are_refused_in_every_role(name: str) -> None:
    for role in MECHANISMS[name].roles:
        found = problems(in_role(role, MECHANISMS[name]()))
        if name in EXPRESSED:
            assert found == []
        else:
            assert found == [
                f"{PATHS[role]}: must be one of full, mqa, gqa, flash for CTranslate2, not {name}; "
                "choose decoding.engine=torch"
            ]


@pytest.mark.parametrize("name", POSITION_SCHEMES)
def test_every_position_scheme_of_this_version_can_be_expressed(name: str) -> None:
    assert (problems(ModelConfig(position=POSITION_SCHEMES[name]())) == []) == (name in SCHEMES)


@pytest.mark.parametrize("combination", sample(legal_combinations(), 30), ids=str)
def test_all_problems_of_a_combination_are_named_at_once(combination: object) -> None:
    from tests.combinations import Combination

    assert isinstance(combination, Combination)
    names = combination.encoder, combination.decoder, combination.cross
    model = ModelConfig(
        position=combination.scheme(),
        encoder=EncoderConfig(self_attention=MECHANISMS[names[0]]()),
        decoder=DecoderConfig(
            self_attention=MECHANISMS[names[1]](), cross_attention=MECHANISMS[names[2]]()
        ),
    )
    assert len(problems(model)) == sum(name not in EXPRESSED for name in names)


def test_what_is_registered_later_is_refused() -> None:
    @MECHANISMS.register
    @dataclass
    class NewAttention(FullConfig):
        name: str = "new_attention"

    @POSITION_SCHEMES.register
    @dataclass
    class NewScheme(AlibiConfig):
        name: str = "new_scheme"
        kind: ClassVar[PositionKind] = PositionKind.bias

    for role, path in PATHS.items():
        (problem,) = problems(in_role(role, NewAttention()))
        assert problem.startswith(f"{path}: must be one of")
        assert "not new_attention" in problem
    scheme: PositionConfig = NewScheme()
    (problem,) = problems(ModelConfig(position=scheme))
    assert problem.startswith("model.position: must be one of sinusoidal, learned, rope")


def test_layers_of_their_own_are_checked() -> None:
    mixed = [FullConfig(), MECHANISMS["local"]()]
    model = ModelConfig(encoder=EncoderConfig(layer_attention=mixed))
    (problem,) = problems(model)
    assert problem.startswith("model.encoder.layer_attention[1]: must be one of")


def test_an_option_that_is_not_known_here_is_refused_unless_it_is_off() -> None:
    @dataclass
    class LaterModel(ModelConfig):
        later: bool = False

    @dataclass
    class LaterFull(FullConfig):
        later: str = "off"

    from seq2seq.engine import expressible

    assert list(expressible.unexpressed_options(LaterModel(), "model.", OR_USE_TORCH)) == []
    (problem,) = expressible.unexpressed_options(LaterModel(later=True), "model.", OR_USE_TORCH)
    assert problem == (
        "model.later: must be False for CTranslate2, not True; choose decoding.engine=torch"
    )
    (problem,) = expressible.unexpressed_options(LaterFull(later="on"), "x.", OR_USE_TORCH)
    assert problem.startswith("x.later: must be off for CTranslate2, not on")


def test_values_of_the_model_s_choices_are_known_one_by_one() -> None:
    """A value that is added to one of these enumerations is refused until it is listed."""
    for item in fields(ModelConfig):
        default = getattr(ModelConfig(), item.name)
        for value in type(default) if hasattr(type(default), "__members__") else ():
            found = problems(replace(ModelConfig(), **{item.name: value}))
            assert (found == []) == (value in EXPRESSIBLE_VALUES)


def test_sources_of_features_are_refused_together_with_the_rest() -> None:
    with pytest.raises(ConfigError) as raised:
        ensure_expressible(
            in_role(Role.CROSS, MECHANISMS["linear"]()), "features", remedy=TRAIN_ANOTHER
        )
    kind, mechanism = raised.value.problems
    assert kind.startswith("data.source_kind: must be text for CTranslate2, not features")
    assert mechanism.startswith("model.decoder.cross_attention: must be one of")
    assert mechanism.endswith("train a model with one of them")


def test_a_run_that_will_be_evaluated_by_the_engine_is_checked_before_training() -> None:
    run = RunConfig(model=in_role(Role.CAUSAL, MECHANISMS["local"]()))
    assert not any("CTranslate2" in problem for problem in run_problems(run))
    run.decoding = DecodingConfig(engine=Engine.ctranslate2, min_length=3)
    found = [problem for problem in run_problems(run) if "ranslate2" in problem]
    assert [problem.split(":")[0] for problem in found] == [
        "decoding.min_length",
        "model.decoder.self_attention",
    ]
