"""The benchmark of attention: how time, memory and decoding state grow with the length."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seq2seq.bench.plan import Request, Settings, plan
from seq2seq.bench.process import MeasurementError, ensure_succeeded
from seq2seq.bench.tables import Row, growth_exponents, sequence_text, step_text
from seq2seq.files import atomic_write, ensure_replaceable_json

Results = dict[str, Any]


def run_benchmark(settings: Settings, output: Path) -> tuple[Results, list[str]]:
    """Measure everything that the settings describe; progress goes to standard error.

    The results so far are written to `output` after each measurement, so that the benchmark can be
    interrupted.

    Returns:
        The results, and for each measurement that failed its reason.

    Raises:
        ConfigError: nothing can be measured, or an option is wrong.
        UserError: `output` holds something else than results.
    """
    ensure_replaceable_json(output, ("cells", "steps"))
    planned = plan(settings)
    for reason in planned.left_out:
        log(f"left out: {reason}")
    machine = {"processor": platform.machine(), "cores": os.cpu_count()}
    results: Results = {
        "settings": described(settings) | machine,
        "cells": [],
        "steps": [],
        "fits": [],
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for number, request in enumerate(planned.requests, 1):
        title = f"[{number}/{len(planned.requests)}] {request.label}"
        try:
            log(f"{title}: {add_measurement(results, request)}")
        except MeasurementError as error:
            failures.append(f"{request.label}: {error}")
            log(f"{title}: failed")
        results["fits"] = list(growth_exponents(results["cells"]))
        atomic_write(output, (json.dumps(results, indent=1) + "\n").encode())
    return results, failures


def described(settings: Settings) -> dict[str, Any]:
    """The settings as results hold them; imports only where there are some."""
    return {name: value for name, value in asdict(settings).items() if name != "imports" or value}


def log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def add_measurement(results: Results, request: Request) -> str:
    """Measure in a new process and add the rows to the results; returns the last row as text."""
    measured = measured_in_process(request)
    results["settings"] |= {"threads": measured["threads"], "torch": measured["torch"]}
    rows = list(named_rows(request, measured["rows"]))
    results["steps" if request.steps else "cells"] += rows
    return step_text(rows[-1]) if request.steps else sequence_text(rows[-1])


def named_rows(request: Request, rows: list[Row]) -> Iterator[Row]:
    for row in rows:
        yield {"mechanism": request.mechanism, "role": request.role_name, **row}


def measured_in_process(request: Request) -> dict[str, Any]:
    """What `seq2seq.bench.measure` prints.

    Raises:
        MeasurementError: the process failed.
    """
    command = [sys.executable, "-m", "seq2seq.bench.measure", request.to_json()]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    ensure_succeeded(ended.returncode, ended.stderr)
    measured: dict[str, Any] = json.loads(ended.stdout)
    return measured
