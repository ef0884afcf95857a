"""The registry of mechanisms, and the options and abilities in their dataclasses."""

from dataclasses import fields, replace

import pytest

from seq2seq.attention.config import MECHANISMS, AttentionConfig
from seq2seq.options import range_of
from seq2seq.position.config import PositionKind

every_mechanism = pytest.mark.parametrize("kind", MECHANISMS.values(), ids=list(MECHANISMS))


def test_built_in_mechanisms_have_the_names_of_version_0_1() -> None:
    names = "full mqa gqa flash local strided logsparse block_sparse linear performer linformer"
    assert set(MECHANISMS) == {*names.split(), "additive"}


@every_mechanism
def test_defaults_are_legal_and_numbers_have_ranges(kind: type[AttentionConfig]) -> None:
    config = kind()
    assert config.problems() == []
    numbers = [item.name for item in fields(config) if item.type in ("int", int, "float", float)]
    assert numbers
    for name in numbers:
        assert range_of(config, name) is not None, name
        (problem,) = replace(config, **{name: -1}).problems()  # type: ignore[arg-type]
        assert problem.startswith(f"{name}: must be at least")


@every_mechanism
def test_attention_dropout_needs_weights(kind: type[AttentionConfig]) -> None:
    problems = kind(dropout=0.1).problems()
    assert bool(problems) == (not kind.drops_weights)
    assert all(problem.startswith("dropout: ") for problem in problems)


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
