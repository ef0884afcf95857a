"""The registry of mechanisms, and the options and abilities in their dataclasses."""

from dataclasses import fields, replace

import pytest

from seq2seq.attention.config import MECHANISMS, AttentionConfig
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
        (problem,) = replace(config, **{name: -1}).problems()  # type: ignore[arg-type]
        assert problem.startswith((f"{name}: must be at least", f"{name}: must be above"))


@every_mechanism
def test_attention_dropout_needs_weights(kind: type[AttentionConfig]) -> None:
    problems = kind(dropout=0.1).problems()
    assert bool(problems) == (not kind.drops_weights)
    assert all(problem.startswith("dropout: ") for problem in problems)


@every_mechanism
def test_normalised_queries_and_keys_need_products(kind: type[AttentionConfig]) -> None:
    products = {"full", "mqa", "gqa", "flash", "local", "strided", "logsparse", "block_sparse"}
    products.add("forgetting")
    assert kind.modifiers() == (["qk_norm"] if kind.name in products else [])
    problems = kind(qk_norm=True).problems()
    assert bool(problems) == (kind.name not in products)
    for problem in problems:
        assert problem.startswith(f"qk_norm: {kind.name} cannot be combined with it")
        assert "full, mqa, gqa, flash" in problem


def test_a_mechanism_that_says_nothing_of_products_has_no_modifiers() -> None:
    assert AttentionConfig.modifiers() == []


def test_the_scale_is_read_with_qk_norm_only() -> None:
    set_alone = MECHANISMS["full"](qk_norm_scale=4.0)
    (problem,) = problems_in(set_alone)
    assert problem.startswith("qk_norm_scale: is set but not read; choose qk_norm=true")
    assert not list(problems_in(replace(set_alone, qk_norm=True)))


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
