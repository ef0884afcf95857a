"""The contract run on mechanisms, and its outcome as a table of clauses by role."""

import enum
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

from seq2seq.attention.config import AttentionConfig, Role
from seq2seq.attention.contract.cases import Case
from seq2seq.attention.contract.choices import cases_of
from seq2seq.attention.contract.clauses import CHECKS, CLAUSES

ROLE_NAMES = {"encoder": Role.ENCODER, "decoder": Role.CAUSAL, "cross": Role.CROSS}


class Verdict(enum.Enum):
    """The outcome of a clause in a role."""

    ok = "ok"
    failed = "FAILED"
    not_applicable = "-"


@dataclass
class ContractReport:
    """The outcome of the contract for one mechanism.

    Attributes:
        name: of the mechanism.
        roles: that were checked.
        verdicts: by (clause, role).
        messages: the first failure of each (clause, role), with its case.
        cases: number of checked cases.
    """

    name: str
    roles: Sequence[Role]
    verdicts: dict[tuple[str, Role], Verdict] = field(default_factory=dict)
    messages: dict[tuple[str, Role], str] = field(default_factory=dict)
    cases: int = 0

    @property
    def passed(self) -> bool:
        return not self.messages

    def __str__(self) -> str:
        names = [name for name, role in ROLE_NAMES.items() if role in self.roles]
        lines = [f"{self.name}: {self.cases} cases", self._row("clause", names, "")]
        for clause, text in CLAUSES.items():
            verdicts = [self.verdicts[clause, ROLE_NAMES[name]].value for name in names]
            lines.append(self._row(clause, verdicts, text))
        for (clause, role), message in self.messages.items():
            name = next(name for name, value in ROLE_NAMES.items() if value is role)
            lines += ["", f"FAILED {clause} ({name}): {CLAUSES[clause]}", f"  {message}"]
        return "\n".join(lines)

    def _row(self, clause: str, cells: Sequence[str], text: str) -> str:
        return f"  {clause:10} {''.join(f'{cell:9}' for cell in cells)} {text}".rstrip()


def check_mechanism(kind: type[AttentionConfig], roles: Sequence[Role]) -> ContractReport:
    """Run the contract on a mechanism in some roles.

    In each role a clause ends at its first failure, whatever raised it.
    """
    cases = [case for case in cases_of(kind) if case.role in roles]
    report = ContractReport(kind.name, roles, cases=len(cases))
    for clause in CLAUSES:
        for role in roles:
            verdict, message = _check_clause(clause, [case for case in cases if case.role is role])
            report.verdicts[clause, role] = verdict
            if message:
                report.messages[clause, role] = message
    return report


def _check_clause(clause: str, cases: list[Case]) -> tuple[Verdict, str]:
    """The verdict on the cases of one role, and the message of the first failure."""
    verdict = Verdict.not_applicable
    for check in CHECKS:
        if check.clause != clause:
            continue
        for case in cases:
            if not check.applies(case):
                continue
            verdict = Verdict.ok
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    check.function(case)
            except Exception as error:
                reason = str(error) or type(error).__name__
                if not isinstance(error, AssertionError):
                    reason = f"{type(error).__name__}: {reason}"
                return Verdict.failed, f"{case}: {reason.splitlines()[0]}"
    return verdict, ""
