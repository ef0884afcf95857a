"""Cells of a sweep: which there are, and names that stay the same."""

import itertools
import re

import pytest

from seq2seq.config.grid import (
    BY_ROLE,
    LONGEST_CELL_NAME,
    PRODUCT,
    Axis,
    Point,
    cell_name,
    points_of,
)
from seq2seq.errors import ConfigError

ROLES = [
    Axis("encoder_attention", ("full", "local", "linear")),
    Axis("decoder_attention", ("full", "linear")),
    Axis("model.decoder.cross_attention.sink", ("none", "learned")),
]
OTHERS = [Axis("seed", ("1", "2")), Axis("model.dropout", ("0.1", "0.2", "0.3"))]


def names(axes: list[Axis], plan: str) -> list[str]:
    return [cell_name(point, int(dict(point.settings)["seed"])) for point in points_of(axes, plan)]


@pytest.mark.parametrize("plan", [PRODUCT, BY_ROLE])
def test_names_do_not_depend_on_the_order_of_options(plan: str) -> None:
    orders = [names(list(order), plan) for order in itertools.permutations([*ROLES, *OTHERS])]
    assert {frozenset(order) for order in orders} == {frozenset(orders[0])}
    assert len(set(orders[0])) == len(orders[0])


@pytest.mark.parametrize("plan", [PRODUCT, BY_ROLE])
def test_more_values_and_seeds_add_names(plan: str) -> None:
    before = names([*ROLES, Axis("seed", ("1",))], plan)
    wider = [Axis("encoder_attention", (*ROLES[0].values, "gla")), *ROLES[1:]]
    assert set(before) < set(names([*wider, Axis("seed", ("1", "2"))], plan))


def test_a_name_ends_with_the_seed_also_when_there_is_one_only() -> None:
    point = Point((("encoder_attention", "local"),), (("encoder_attention", "local"),))
    assert cell_name(point, 7) == "encoder_attention-local--seed-7"
    typed = (("seed", "7"), ("encoder_attention", "local"))
    assert cell_name(Point(typed, typed), 7) == "encoder_attention-local--seed-7"


def test_the_product_has_every_combination() -> None:
    points = list(points_of([*ROLES, *OTHERS], PRODUCT))
    assert len({frozenset(point.settings) for point in points}) == 3 * 2 * 2 * 2 * 3


def test_a_plan_by_role_changes_one_thing_at_a_time() -> None:
    points = list(points_of([*ROLES, *OTHERS], BY_ROLE))
    assert len({point.settings for point in points}) == len(points) == (1 + 2 + 1 + 1) * 6
    for point in points:
        changed = [x for axis in ROLES for x in point.settings if x in axis.settings()[1:]]
        assert len(changed) <= 1
        assert set(changed) <= set(point.departures)
    first = names([*ROLES, Axis("seed", ("1", "2"))], BY_ROLE)
    assert first[0] == "baseline--seed-1"
    assert first[1:3] == ["encoder_attention-local--seed-1", "encoder_attention-linear--seed-1"]
    assert first[5] == "baseline--seed-2"  # every cell has its first seed before one has two


def test_an_unknown_plan() -> None:
    with pytest.raises(ConfigError, match="no plan 'by_roles'; did you mean by_role"):
        list(points_of(ROLES, "by_roles"))


@pytest.mark.parametrize(
    "values",
    [
        ["a=b", "a b", "a/b", "a,b", "'a b'", "[a,b]", "[a]", "-1", "--1", "1", "a--b", ""],
        ["x" * 60 + "a", "x" * 60 + "b"],
        ["..", ".", "ä", "a${b}", "{a:1}"],
    ],
)
def test_every_value_gives_a_folder_of_its_own(values: list[str]) -> None:
    points = [Point((("data.path", x), ("a.b@c", x)), (("data.path", x),)) for x in values]
    found = [cell_name(point, 1) for point in points]
    assert len(set(found)) == len(values)
    assert all(re.fullmatch(r"[\w.-]+", name, re.ASCII) and name[0] not in ".-" for name in found)


def test_names_have_a_limit() -> None:
    keys = [f"model.encoder.self_attention.option_{number}" for number in range(9)]
    points = [Point(p, p) for p in (tuple((key, last) for key in keys) for last in "ab")]
    found = [cell_name(point, 1) for point in points]
    assert found[0] != found[1]
    assert max(map(len, found)) <= LONGEST_CELL_NAME + 10
