"""Print the row of a setting for docs/records.md, out of the ledger of `seq2seq bench quality`.

    python scripts/record_row.py FOLDER NAME "WHAT CHANGED"

Where the ledger misses something that the rules of the page ask for, it says what, and exits with
1.
"""

import argparse
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seq2seq.bench_runs.ledger import LEDGER, Ledger
from seq2seq.bench_runs.seed_test import spread_of
from seq2seq.bounded import read_json

FEWEST_SEEDS = 3


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("name")
    parser.add_argument("change")
    arguments = parser.parse_args()
    content = read_json(arguments.folder / LEDGER)
    assert isinstance(content, dict)
    ledger = Ledger(arguments.folder, content)
    if arguments.name not in ledger.settings:
        print(f"error: there is no setting {arguments.name}", file=sys.stderr)
        return 1
    if missing := list(missed_rules(ledger, arguments.name)):
        print("\n".join(f"error: {rule}" for rule in missing), file=sys.stderr)
        return 1
    print(row(ledger, arguments.name, arguments.change))
    return 0


def missed_rules(ledger: Ledger, name: str) -> Iterator[str]:
    """What the rules of docs/records.md ask for and the ledger does not have."""
    runs = list(ledger.finished(name))
    if len(runs) < FEWEST_SEEDS:
        yield f"a record has at least {FEWEST_SEEDS} seeds, {name} has {len(runs)} that finished"
    if any("test" not in run for run in runs):
        yield f"the test split has not been read for every seed; add --test {name}"
    if any(not run["training"]["step_seconds"] for run in runs):
        yield "the runs do not tell the seconds of their steps"
    if any(run["runs_at_once"] > 1 for run in runs):
        yield "several runs were trained at once, so their times are not those of the machine"
    if len(commits := {code["commit"] for run in runs for code in run["code"]}) != 1:
        yield f"all seeds are of one commit, not of {', '.join(map(str, sorted(commits, key=str)))}"
    elif None in commits or any("+" in str(commit) for commit in commits):
        yield "the code is that of a commit, without changes"
    if len({run["machine"] for run in runs}) > 1:
        yield "all seeds are trained on one machine"


def row(ledger: Ledger, name: str, change: str) -> str:
    """The line of the table."""
    runs: list[dict[str, Any]] = list(ledger.finished(name))
    minutes = spread_of([run["training"]["step_seconds"] / 60 for run in runs])
    validation = spread_of([run["validation"]["bleu"] for run in runs])
    test = spread_of([run["test"]["bleu"] for run in runs])
    assert minutes is not None and validation is not None and test is not None
    cells = [
        max(run["ended"] for run in runs)[:10],
        change,
        f"{minutes.mean:.1f}",
        str(len(runs)),
        validation.text(2),
        test.text(2),
        runs[0]["machine"],
        runs[0]["code"][0]["commit"][:12],
        f"`seq2seq train {shlex.join(ledger.settings[name]['planned'])}`",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
