"""The contract of `AttentionCore`, held by every mechanism in every role, grouping and position."""

import pytest

from seq2seq.attention.config import MECHANISMS
from seq2seq.attention.contract.cases import Case, cases_of
from seq2seq.attention.contract.clauses import CHECKS, CLAUSES, Check

CASES = [case for kind in MECHANISMS.values() for case in cases_of(kind)]
CHECKED = [(check, case) for check in CHECKS for case in CASES if check.applies(case)]


@pytest.mark.parametrize(("check", "case"), CHECKED, ids=lambda value: str(value))
def test_contract(check: Check, case: Case) -> None:
    check.function(case)


def test_every_mechanism_is_held_to_every_clause_that_has_to_do_with_it() -> None:
    held = {(check.clause, case.config.name, case.role) for check, case in CHECKED}
    always = {"options", "formula", "groups", "padding", "empty", "precision"}
    for name, kind in MECHANISMS.items():
        for role in kind.roles:
            assert {(clause, name, role) for clause in always} <= held
    assert {check.clause for check in CHECKS} == set(CLAUSES)
