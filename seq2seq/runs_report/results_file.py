"""Results of runs in one JSON file, from which their report is made again without the runs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seq2seq.bounded import read_json
from seq2seq.errors import DataError
from seq2seq.files import atomic_write, ensure_replaceable_json
from seq2seq.runs_report.differences import KnownTests
from seq2seq.runs_report.run_result import RunResult, as_stored, from_stored

FORMAT = "seq2seq report runs, 1"
STORED_KEYS = ("format", "command", "baseline", "runs", "tests")
MOST_STATISTICS = 256 << 10  # characters; files with more go without the statistics of sentences
LARGEST_FILE = 64 << 20  # bytes that are read


@dataclass
class StoredResults:
    """What a file of results holds.

    Attributes:
        command: that wrote it.
        baseline: a run of the row that the others were held against; None for none.
    """

    command: str
    baseline: str | None
    runs: Sequence[RunResult]
    tests: KnownTests


def save_results(path: Path, results: StoredResults) -> bool:
    """Write results.

    Returns:
        whether the statistics of the sentences are in it; without them, only the tests that were
        made are known.

    Raises:
        UserError: something else than results stands there.
    """
    ensure_replaceable_json(path, STORED_KEYS)
    whole = stored_text(results, statistics=True)
    bare = stored_text(results, statistics=False)
    has_statistics = len(whole) - len(bare) <= MOST_STATISTICS
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, (whole if has_statistics else bare).encode())
    return has_statistics


def stored_text(results: StoredResults, *, statistics: bool) -> str:
    """JSON with a line for each run and test, so that versions of it can be compared."""
    facts = {
        "format": FORMAT,
        "command": results.command,
        "baseline": results.baseline,
    }
    head = json.dumps(facts, indent=1, ensure_ascii=False)[:-2]
    runs = json_lines([as_stored(run, statistics=statistics) for run in results.runs])
    tests = json_lines([[*key, value] for key, value in results.tests.p_values.items()])
    return f'{head},\n "runs": {runs},\n "tests": {tests}\n}}\n'


def json_lines(entries: Sequence[Any]) -> str:
    """A list with one entry a line."""
    lines = ",\n  ".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
    return f"[\n  {lines}\n ]" if entries else "[]"


def read_results(path: Path) -> StoredResults:
    """The results in a file.

    Raises:
        DataError: it does not hold them.
    """
    try:
        content = read_json(path, LARGEST_FILE)
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']!r}")
        tests = {(str(n), str(a), str(b)): float(p) for n, a, b, p in content["tests"]}
        return StoredResults(
            command=str(content["command"]),
            baseline=content["baseline"],
            runs=[from_stored(run) for run in content["runs"]],
            tests=KnownTests(tests),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: must hold results that `seq2seq report runs DIR --json FILE` wrote "
            f"({error!r}); write them again"
        ) from error
