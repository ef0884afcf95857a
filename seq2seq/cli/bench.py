"""`seq2seq bench attention`: how time, memory and decoding state grow with the length, mechanism by mechanism."""

import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from statistics import linear_regression
from typing import Annotated, Any

import typer

from seq2seq.bench.plan import Request, Settings, chosen, plan
from seq2seq.errors import ConfigError, UserError
from seq2seq.files import atomic_write

FIT_LENGTHS = 5  # a growth exponent needs at least so many lengths
MEGABYTE = 2**20
COSTS = {"time_exponent": "seconds", "memory_exponent": "peak_bytes"}
Results = dict[str, Any]
Row = dict[str, Any]

bench_app = typer.Typer(
    help="Measure parts of the framework on this machine.", no_args_is_help=True
)


@bench_app.callback()
def common() -> None:
    """Measure parts of the framework on this machine."""


@bench_app.command()
def attention(
    output: Annotated[Path, typer.Option(help="JSON file to write; a plot goes beside it.")] = Path(
        "attention.json"
    ),
    mechanisms: Annotated[
        str, typer.Option(help="Names between commas; all if not given.", show_default=False)
    ] = "",
    roles: Annotated[
        str,
        typer.Option(
            help="Of encoder, decoder, cross; those of the settings if not given.",
            show_default=False,
        ),
    ] = "",
    lengths: Annotated[
        str,
        typer.Option(
            help="Between commas; those of the settings if not given.", show_default=False
        ),
    ] = "",
) -> None:
    """Time forward and backward of each attention core, its peak memory, and one decoding step.

    Every measurement runs in a process of its own, on the CPU, with the settings of conf/bench/attention.yaml. From
    five lengths on, growth exponents are fitted. What is measured is on disk at once, so that a run can be broken off.
    """
    if output.suffix != ".json":
        raise ConfigError(f"--output: must end in .json, not be {output}")
    settings = chosen(Settings.read(), mechanisms, roles, lengths)
    planned = plan(settings)
    for reason in planned.left_out:
        print(f"left out: {reason}", file=sys.stderr)
    output.parent.mkdir(parents=True, exist_ok=True)
    machine = {"processor": platform.machine(), "cores": os.cpu_count()}
    results: Results = {
        "settings": asdict(settings) | machine,
        "cells": [],
        "steps": [],
        "fits": [],
    }
    failed = []
    for number, request in enumerate(planned.requests, 1):
        told = f"[{number}/{len(planned.requests)}] {describe(request)}"
        try:
            print(f"{told}: {take(request, results)}", file=sys.stderr, flush=True)
        except MeasurementError as error:
            failed.append(f"{describe(request)}: {error}")
            print(f"{told}: failed", file=sys.stderr, flush=True)
        results["fits"] = fits(results["cells"])
        atomic_write(output, (json.dumps(results, indent=1) + "\n").encode())
    finish(results, output)
    if failed:
        raise UserError(
            "\n  ".join([f"{len(failed)} of {len(planned.requests)} measurements failed", *failed])
        )


class MeasurementError(Exception):
    """A process that measured ended without a result."""


def take(request: Request, results: Results) -> str:
    """Measure, add to the results, and tell the last of it in a few words."""
    command = [sys.executable, "-m", "seq2seq.bench.cell", request.to_json()]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode < 0:
        raise MeasurementError(
            f"killed by signal {-ended.returncode}, which for 9 often means too little memory"
        )
    if ended.returncode > 0:
        raise MeasurementError(ended.stderr.strip().splitlines()[-1])
    measured = json.loads(ended.stdout)
    results["settings"] |= {"threads": measured["threads"], "torch": measured["torch"]}
    name = {"mechanism": request.mechanism, "role": request.role_name}
    results["steps" if request.steps else "cells"] += [name | row for row in measured["rows"]]
    last = measured["rows"][-1]
    return step_text(last) if request.steps else cell_text(last)


def describe(request: Request) -> str:
    """Which measurement, in a few words."""
    what = f"steps up to {max(request.lengths)}" if request.steps else str(request.lengths[0])
    return f"{request.mechanism} {request.role_name} {what}"


def cell_text(cell: Row) -> str:
    return f"{cell['seconds']:.3g} s, {cell['peak_bytes'] / MEGABYTE:.0f} MB"


def step_text(step: Row) -> str:
    return f"{step['seconds'] * 1e6:.0f} us, {step['state_bytes'] / 1024:.0f} kB"


def fits(cells: list[Row]) -> list[Row]:
    """Exponents b of cost = a length^b, by least squares in logarithms; None below `FIT_LENGTHS` lengths."""
    found = []
    for mechanism, role in dict.fromkeys((cell["mechanism"], cell["role"]) for cell in cells):
        own = [cell for cell in cells if (cell["mechanism"], cell["role"]) == (mechanism, role)]
        exponents = {
            name: exponent([(c["length"], c[key]) for c in own]) for name, key in COSTS.items()
        }
        found.append({"mechanism": mechanism, "role": role} | exponents)
    return found


def exponent(points: list[tuple[float, float]]) -> float | None:
    """Slope of (length, cost) in logarithms. A cost too small to be measured is left out."""
    logs = [(math.log(length), math.log(cost)) for length, cost in points if cost > 0]
    if len(logs) < FIT_LENGTHS:
        return None
    return round(linear_regression(*zip(*logs, strict=True)).slope, 3)


def finish(results: Results, output: Path) -> None:
    """Print the tables, and draw the plot beside the JSON."""
    from seq2seq.bench.growth import save_growth

    if results["cells"]:
        print("\nforward and backward: seconds, peak memory above the process\n")
        print(table(results["cells"], cell_text, cell_ends(results)))
        save_growth(output.with_suffix(".png"), results["cells"])
    if results["steps"]:
        print("\none decoding step by length of the cache: microseconds, size of the cache\n")
        print(table(results["steps"], step_text, {}))
    print(f"\n{output} {output.with_suffix('.png')}")


def cell_ends(results: Results) -> dict[tuple[str, str], list[str]]:
    """For each mechanism and role: exponents, and how many times faster than full it is at the greatest length."""
    seconds = {(c["mechanism"], c["role"], c["length"]): c["seconds"] for c in results["cells"]}
    longest = max(c["length"] for c in results["cells"])
    ends: dict[tuple[str, str], list[str]] = {
        ("", ""): ["time ~ N^", "memory ~ N^", f"x full at {longest}"]
    }
    for fit in results["fits"]:
        name, role = fit["mechanism"], fit["role"]
        texts = ["-" if fit[key] is None else f"{fit[key]:.2f}" for key in COSTS]
        own, full = seconds.get((name, role, longest)), seconds.get(("full", role, longest))
        ends[name, role] = [*texts, f"{full / own:.1f}" if own and full else "-"]
    return ends


def table(
    rows: list[Row], text: Callable[[Row], str], ends: dict[tuple[str, str], list[str]]
) -> str:
    """A line for each mechanism and role, a column for each length, then `ends`, with their titles at ("", "")."""
    lengths = sorted({row["length"] for row in rows})
    found = {(row["mechanism"], row["role"], row["length"]): text(row) for row in rows}
    lines = [["mechanism", "role", *map(str, lengths), *ends.get(("", ""), [])]]
    for name, role in dict.fromkeys((row["mechanism"], row["role"]) for row in rows):
        cells = [found.get((name, role, length), "-") for length in lengths]
        lines.append([name, role, *cells, *ends.get((name, role), [])])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
