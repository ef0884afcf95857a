"""Run the bad inputs of `tests/bad_inputs` as a user does and print the time to each message.

    python scripts/bad_inputs.py [--every N] [AREA]...

Each case runs in a process of its own. The table has a line for each area: number of cases, those
answered by a message without a traceback that names the place and with the user's files unchanged,
and the median and longest time.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.bad_inputs.case import Case  # noqa: E402
from tests.bad_inputs.place import digest, lay_out, make_models  # noqa: E402
from tests.bad_inputs.tables import AREAS  # noqa: E402
from tests.integration.commands import environment  # noqa: E402

COMMAND = [sys.executable, "-m", "seq2seq.cli.main"]


@dataclass(frozen=True)
class Answer:
    """How a case ended: seconds, and what was wrong about its end."""

    seconds: float
    problems: list[str]


def answer(case: Case, models: Path) -> Answer:
    """Run a case in a process of its own."""
    assert isinstance(case.does, str)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "user"
        lay_out(case, folder, models)
        before, started = digest(folder), time.monotonic()
        done = subprocess.run(
            [*COMMAND, *case.does.split()],
            input=case.stdin,
            capture_output=True,
            cwd=folder,
            env={**environment(), "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"},
        )
        seconds = time.monotonic() - started
        message = done.stderr.decode()
        problems = [f"says nothing of {part}" for part in case.says if part not in message]
        if done.returncode not in ((1, 2) if case.code is None else (case.code,)):
            problems.append(f"exit code {done.returncode}")
        if "Traceback" in message:
            problems.append("a traceback")
        if digest(folder) != before:
            problems.append("files were changed")
        return Answer(seconds, problems)


def train(arguments: list[str]) -> None:
    subprocess.run([*COMMAND, *arguments], check=True, cwd=ROOT, capture_output=True)


def row(area: str, answers: list[Answer]) -> str:
    """The line of the table for an area."""
    times = [item.seconds for item in answers]
    good = sum(not item.problems for item in answers)
    median, longest = statistics.median(times), max(times)
    return f"| {area} | {len(answers)} | {good} | {median:.1f} | {longest:.1f} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("areas", nargs="*", metavar="AREA", help=", ".join(AREAS))
    parser.add_argument("--every", type=int, default=1, help="run one case of so many")
    settings = parser.parse_args()
    rows, failed = [], False
    with tempfile.TemporaryDirectory() as place:
        models = Path(place)
        make_models(models, train)
        for area in settings.areas or AREAS:
            answers = []
            cases = [case for case in AREAS[area] if isinstance(case.does, str)]
            for case in cases[:: settings.every]:
                answers.append(answer(case, models))
                problems = ", ".join(answers[-1].problems) or "ok"
                print(f"{answers[-1].seconds:5.1f} s  {area}: {case.name}: {problems}", flush=True)
                failed = failed or bool(answers[-1].problems)
            if answers:
                rows.append(row(area, answers))
    print("\n| area | cases | as they should | median s | longest s |\n|---|---|---|---|---|")
    print("\n".join(rows))
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
