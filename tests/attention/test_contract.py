"""The contract of `AttentionCore`, held by every mechanism in every role, grouping and position.

`make test` takes the default options of every mechanism, in every role and with every position
scheme, of the cases with a modifier a twelfth, and of the others a quarter: which ones is a
function of the names of check and case. Pairs of modifiers are a few. `make test-slow` takes the
rest.
"""

import random
import zlib

import pytest

from seq2seq.attention.config import MECHANISMS
from seq2seq.attention.contract.cases import Case
from seq2seq.attention.contract.choices import cases_of, paired_cases
from seq2seq.attention.contract.clauses import CHECKS, CLAUSES, Check

CASES = [case for kind in MECHANISMS.values() for case in cases_of(kind)]
PAIRS = [case for kind in MECHANISMS.values() for case in paired_cases(kind)]
DRAWN = random.Random(1).sample(PAIRS, 6)
CHECKED = [(check, case) for check in CHECKS for case in CASES if check.applies(case)]
SHARE = 4  # one in so many of the cases with other options than the defaults
MODIFIED_SHARE = 12  # of those with a modifier


def in_sample(check: Check, case: Case) -> bool:
    share = MODIFIED_SHARE if case.modifiers else SHARE
    return case.is_default or zlib.crc32(f"{check} {case}".encode()) % share == 0


@pytest.mark.parametrize(
    ("check", "case"),
    [pytest.param(*pair, marks=() if in_sample(*pair) else pytest.mark.slow) for pair in CHECKED],
    ids=lambda value: str(value),
)
def test_contract(check: Check, case: Case) -> None:
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
    held = {(check.clause, case.config.name, case.role) for check, case in CHECKED}
    always = {"options", "formula", "groups", "padding", "empty", "precision"}
    for name, kind in MECHANISMS.items():
        for role in kind.roles:
            assert {(clause, name, role) for clause in always} <= held
    assert {check.clause for check in CHECKS} == set(CLAUSES)
