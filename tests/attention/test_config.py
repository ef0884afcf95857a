"""The registry of mechanisms, and the options and abilities in their dataclasses."""

from dataclasses import fields, replace

import pytest

from seq2seq.attention.config import MECHANISMS, AttentionConfig
from seq2seq.attention.modifier_options import MODIFIERS, Normaliser, Sink
from seq2seq.options import problems_in, range_of
from seq2seq.position.config import PositionKind

every_mechanism = pytest.mark.parametrize("kind", MECHANISMS.values(), ids=list(MECHANISMS))


def test_built_in_mechanisms_have_the_names_of_version_0_1() -> None:
    names = "full mqa gqa flash local strided logsparse block_sparse linear performer linformer"
    assert {*names.split(), "additive"} <= set(MECHANISMS)


@every_mechanism
def test_defaults_are_legal_and_numbers_have_ranges(kind: type[AttentionConfig]) -> None:
    config = kind()
    assert config.problems() == []
    numbers = [item.name for item in fields(config) if item.type in ("int", int, "float", float)]
    assert numbers
    for name in numbers:
        assert range_of(config, name) is not None, name
        (problem,) = replace(config, **{name: -1000}).problems()  # type: ignore[arg-type]
        assert problem.startswith((f"{name}: must be at least", f"{name}: must be above"))


@every_mechanism
def test_attention_dropout_needs_weights(kind: type[AttentionConfig]) -> None:
    problems = kind(dropout=0.1).problems()
    assert bool(problems) == (not kind.drops_weights)
    assert all(problem.startswith("dropout: ") for problem in problems)


PRODUCTS = {"full", "mqa", "gqa", "flash", "local", "strided", "logsparse", "block_sparse"}
ABLE = {
    "qk_norm": PRODUCTS | {"forgetting", "hierarchical"},
    "gate": set(MECHANISMS),
    "sink": PRODUCTS | {"additive", "latent"},
}
ROWS = {"full", "mqa", "gqa", "local", "block_sparse", "additive", "latent"}
ABLE |= {"normaliser": ROWS, "mixing": ROWS}


@every_mechanism
@pytest.mark.parametrize("option", MODIFIERS)
def test_a_modifier_needs_an_ability(option: str, kind: type[AttentionConfig]) -> None:
    able = kind.name in ABLE[option]
    assert (option in kind.modifiers()) == able
    for value in MODIFIERS[option].values:
        problems = replace(kind(), **{option: value}).problems()
        assert bool(problems) != able
        for problem in problems:
            assert problem.startswith(f"{option}: {kind.name} cannot be combined with it; choose ")
            assert "or one of full, mqa, gqa" in problem


def test_a_mechanism_that_says_nothing_of_its_weights_is_gated_only() -> None:
    assert AttentionConfig.modifiers() == ["gate"]


def test_a_sink_needs_weights_that_share_a_sum() -> None:
    (problem,) = MECHANISMS["full"](sink=Sink.zero, normaliser=Normaliser.sigmoid).problems()
    assert problem.startswith("sink: must be none with normaliser=sigmoid")


@pytest.mark.parametrize(
    ("option", "value", "reader", "on"),
    [
        ("qk_norm_scale", 4.0, "qk_norm=true", True),
        ("sink_logit", 2.0, "sink=learned", Sink.learned),
        ("entmax_alpha", 1.2, "normaliser=alpha_entmax", Normaliser.alpha_entmax),
        ("top_k", 2, "normaliser=top_k", Normaliser.top_k),
    ],
)
def test_numbers_of_a_modifier_are_read_with_it_only(
    option: str, value: float, reader: str, on: object
) -> None:
    set_alone = replace(MECHANISMS["full"](), **{option: value})  # type: ignore[arg-type]
    (problem,) = problems_in(set_alone)
    assert problem.startswith(f"{option}: is set but not read; choose {reader}")
    name = reader.partition("=")[0]
    assert not list(problems_in(replace(set_alone, **{name: on})))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "carried"),
    [
        ("full", set(PositionKind)),
        ("additive", {PositionKind.absolute, PositionKind.bias, PositionKind.none}),
        ("flash", {PositionKind.absolute, PositionKind.rotary, PositionKind.none}),
        ("linear", {PositionKind.absolute, PositionKind.none}),
    ],
)
def test_a_mechanism_carries_kinds_of_positions(name: str, carried: set[PositionKind]) -> None:
    assert {kind for kind in PositionKind if MECHANISMS[name].carries(kind)} == carried
