"""Contestants measured in turn, A B C A B C ..., so that what drifts on a machine meets all alike.

Each measurement runs in a process of its own. What is compared are medians over the rounds, and
the ratios within each round.
"""

import json
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from seq2seq.bench.machine import (
    ProcessorTimes,
    load_facts,
    load_warnings,
    machine_facts,
    stolen_share,
    stolen_warnings,
)
from seq2seq.bench.process import MeasurementError, run_process
from seq2seq.bench.summary import Figure, summarised
from seq2seq.bench.tables import Row
from seq2seq.files import atomic_write, ensure_replaceable_json

ContestResults = dict[str, Any]
RESULT_KEYS = ("measurements", "machine")  # by which the JSON of a contest is known
DEFAULT_ROUNDS = 5


@dataclass(frozen=True)
class Contestant:
    """Something that is measured beside others.

    Attributes:
        measure: starts a new process and returns the figures by name, and facts beside them that
            JSON can hold. Raises MeasurementError if there are none.
    """

    name: str
    measure: Callable[[], Mapping[str, Any]]


def command_contestant(
    name: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Contestant:
    """A command that prints a JSON object of figures and facts as its last line.

    Its peak memory is added as "peak_bytes", unless it says that itself.
    """

    def measure() -> dict[str, Any]:
        finished = run_process(command, environment=environment, folder=folder)
        return {"peak_bytes": finished.peak_bytes, **finished.result()}

    return Contestant(name, measure)


def compete(
    contestants: Sequence[Contestant],
    figures: Sequence[Figure],
    *,
    rounds: int,
    output: Path,
    settings: Mapping[str, Any],
) -> tuple[ContestResults, list[str]]:
    """Measure each contestant in each round; progress and warnings go to standard error.

    The results so far are written to `output` after each measurement, so that a benchmark can be
    interrupted.

    Args:
        contestants: the first is what ratios refer to.
        figures: that are compared.
        settings: of the benchmark, kept with the results.

    Returns:
        The results (`docs/benchmarks.md` says what they hold), and for each measurement that failed
        its reason.

    Raises:
        UserError: `output` holds something else than results.
    """
    ensure_replaceable_json(output, RESULT_KEYS)
    results = new_results(contestants, figures, settings, load_facts())
    for warning in results["warnings"]:
        announce(f"warning: {warning}")
    output.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    begun = ProcessorTimes.now()
    for number in range(1, rounds + 1):
        for contestant in contestants:
            title = f"[{number}/{rounds}] {contestant.name}"
            try:
                row = measured_row(contestant, number)
            except MeasurementError as error:
                failures.append(f"{contestant.name}, round {number}: {error}")
                announce(f"{title}: failed: {error}")
            else:
                results["measurements"].append(row)
                announce(f"{title}: {', '.join(figure.text(row) for figure in figures)}")
            results["stolen"] = stolen_share(begun, ProcessorTimes.now())
            write_results(results, figures, output)
    for warning in stolen_warnings(results["stolen"]):
        results["warnings"].append(warning)
        announce(f"warning: {warning}")
    write_results(results, figures, output)
    return results, failures


def new_results(
    contestants: Sequence[Contestant],
    figures: Sequence[Figure],
    settings: Mapping[str, Any],
    load: dict[str, Any],
) -> ContestResults:
    """ContestResults before the first measurement."""
    return {
        "command": shlex.join(sys.argv),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "settings": dict(settings),
        "machine": machine_facts() | load,
        "warnings": list(load_warnings(load)),
        "contestants": [contestant.name for contestant in contestants],
        "figures": [asdict(figure) for figure in figures],
        "stolen": None,
        "measurements": [],
        "summary": [],
    }


def measured_row(contestant: Contestant, number: int) -> Row:
    """A measurement with its round, its duration and the share of time that was stolen."""
    before, started = ProcessorTimes.now(), time.monotonic()
    measured = contestant.measure()
    return {
        "contestant": contestant.name,
        "round": number,
        "wall_seconds": time.monotonic() - started,
        "stolen": stolen_share(before, ProcessorTimes.now()),
        **measured,
    }


def write_results(results: ContestResults, figures: Sequence[Figure], output: Path) -> None:
    """Write the results with their summary so far."""
    results["summary"] = summarised(results["measurements"], results["contestants"], figures)
    atomic_write(output, (json.dumps(results, indent=1) + "\n").encode())


def announce(line: str) -> None:
    """Tell the user on standard error."""
    print(line, file=sys.stderr, flush=True)
