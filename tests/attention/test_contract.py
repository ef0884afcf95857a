"""The contract of `AttentionCore`, held by every mechanism in every role, grouping and position.

`make test` takes the default options of every mechanism, in every role and with every position
scheme, and of the other cases a quarter: which ones is a function of the names of check and case.
`make test-slow` takes the rest.
"""

import zlib

import pytest

from seq2seq.attention.config import MECHANISMS
from seq2seq.attention.contract.cases import Case, cases_of
from seq2seq.attention.contract.clauses import CHECKS, CLAUSES, Check

CASES = [case for kind in MECHANISMS.values() for case in cases_of(kind)]
CHECKED = [(check, case) for check in CHECKS for case in CASES if check.applies(case)]
SHARE = 4  # one in so many of the cases with other options than the defaults


def in_sample(check: Check, case: Case) -> bool:
    return case.is_default or zlib.crc32(f"{check} {case}".encode()) % SHARE == 0


@pytest.mark.parametrize(
    ("check", "case"),
    [pytest.param(*pair, marks=() if in_sample(*pair) else pytest.mark.slow) for pair in CHECKED],
    ids=lambda value: str(value),
)
def test_contract(check: Check, case: Case) -> None:
    check.function(case)


def test_every_mechanism_is_held_to_every_clause_that_has_to_do_with_it() -> None:
    held = {(check.clause, case.config.name, case.role) for check, case in CHECKED}
    always = {"options", "formula", "groups", "padding", "empty", "precision"}
    for name, kind in MECHANISMS.items():
        for role in kind.roles:
            assert {(clause, name, role) for clause in always} <= held
    assert {check.clause for check in CHECKS} == set(CLAUSES)
