"""The contract of `AttentionCore`, held by every mechanism in every role, grouping and position.

`make test` takes one case of each check, mechanism and role, and a few pairs of modifiers.
`make test-slow` takes the rest.
"""

import itertools
import random
from collections.abc import Iterator

import pytest

from seq2seq.attention.config import MECHANISMS
from seq2seq.attention.contract.cases import Case
from seq2seq.attention.contract.choices import cases_of, paired_cases
from seq2seq.attention.contract.clauses import CHECKS, CLAUSES, Check

CASES = [case for kind in MECHANISMS.values() for case in cases_of(kind)]
PAIRS = [case for kind in MECHANISMS.values() for case in paired_cases(kind)]
DRAWN = random.Random(1).sample(PAIRS, 6)
CHECKED = [(check, case) for check in CHECKS for case in CASES if check.applies(case)]


def pairs_of(check: Check, case: Case) -> set[tuple[object, ...]]:
    """Pairs of factors that a check of a case covers; those of a mechanism over all checks."""
    factors = [
        case.role,
        case.position.name,
        f"kv{case.num_kv_heads}",
        *case.modifiers,
        "default" if case.is_default else "other options",
    ]
    pairs = {(str(check), *pair) for pair in itertools.combinations(factors, 2)}
    by_mechanism = {repr(case.config), *factors[1:]}
    return pairs | {(case.config.name, case.role, factor) for factor in by_mechanism}


def gain_of(check: Check, case: Case, covered: set[tuple[object, ...]]) -> tuple[bool, int]:
    """Whether a case adds options of its mechanism in its role, and how many pairs it adds."""
    options = (case.config.name, case.role, repr(case.config))
    return options not in covered, len(pairs_of(check, case) - covered)


def sampled() -> Iterator[tuple[Check, Case]]:
    """One case of each check, mechanism and role: the first that covers most anew."""
    covered: set[tuple[object, ...]] = set()
    groups: dict[tuple[str, str, object], list[tuple[Check, Case]]] = {}
    for check, case in CHECKED:
        groups.setdefault((str(check), case.config.name, case.role), []).append((check, case))
    for group in groups.values():
        best = max(group, key=lambda pair: gain_of(*pair, covered))
        covered |= pairs_of(*best)
        yield best


SAMPLED = list(sampled())
SAMPLE = {f"{check}-{case}" for check, case in SAMPLED}
PARAMETERS = [
    pytest.param(
        check,
        case,
        id=f"{check}-{case}",
        marks=() if f"{check}-{case}" in SAMPLE else pytest.mark.slow,
    )
    for check, case in CHECKED
]


@pytest.mark.parametrize(("check", "case"), PARAMETERS)
def test_contract(check: Check, case: Case) -> None:
    """`make test` takes a sample, and `make test-slow` the others.

    The sample has one case of each check, mechanism and role. It is chosen so that each check meets
    each pair of role, position scheme, number of key/value heads, modifier and kind of options, and
    each mechanism each of its options in some check, as far as one case each allows.
    """
    check.function(case)


@pytest.mark.parametrize("case", DRAWN, ids=str)
def test_pairs_of_modifiers(case: Case) -> None:
    check_all(case)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "role"), sorted({(case.config.name, case.role.name) for case in PAIRS})
)
def test_all_pairs_of_modifiers(name: str, role: str) -> None:
    for case in PAIRS:
        if (case.config.name, case.role.name) == (name, role):
            check_all(case)


def check_all(case: Case) -> None:
    """Hold a case to every clause that has to do with it."""
    for check in CHECKS:
        if check.applies(case):
            check.function(case)


def test_every_mechanism_is_held_to_every_clause_that_has_to_do_with_it() -> None:
    held = {(check.clause, case.config.name, case.role) for check, case in SAMPLED}
    always = {"options", "formula", "groups", "padding", "empty", "precision"}
    for name, kind in MECHANISMS.items():
        for role in kind.roles:
            assert {(clause, name, role) for clause in always} <= held
    assert {check.clause for check in CHECKS} == set(CLAUSES)


def test_the_sample_meets_every_position_and_modifier() -> None:
    def factors(checked: list[tuple[Check, Case]]) -> set[tuple[str, str]]:
        names = [(check.clause, {case.position.name, *case.modifiers}) for check, case in checked]
        return {(clause, name) for clause, each in names for name in each}

    assert factors(SAMPLED) == factors(CHECKED)
