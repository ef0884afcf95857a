"""What a report takes from one run. Imports no torch, so that stored results are read fast."""

import base64
import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Basis = Mapping[str, str]
Table = NDArray[np.float64]


@dataclass(frozen=True)
class RunValue:
    """One value of a run.

    Attributes:
        basis: what values must share to stand in one column, by name: test text, signature ...
        statistics: (sentences, numbers) of a metric, for tests of significance; None otherwise.
        digest: of the statistics, also where they are not stored.
    """

    value: float
    basis: Basis = field(default_factory=dict)
    statistics: Table | None = None
    digest: str = ""


@dataclass(frozen=True)
class RunResult:
    """A finished run.

    Attributes:
        run: its folder, as it was given.
        configuration: all options by path, those of its evaluation included.
        overrides: of the command line that began it.
        origin: what its values lead back to: hashes of data, configuration and parameters, version,
            commit, machine.
        values: by measure.
        curves: by name, pairs of step and value.
        name: of its configuration in tables; empty for what tells it from the others.
    """

    run: str
    seed: int
    configuration: Mapping[str, Any]
    overrides: tuple[str, ...]
    origin: Mapping[str, str]
    values: Mapping[str, RunValue]
    curves: Mapping[str, list[tuple[int, float]]]
    name: str = ""

    @property
    def command(self) -> str:
        """The command that began it."""
        return self.origin["command"]


def scored_value(value: float, basis: Basis, statistics: Table) -> RunValue:
    """A score with the statistics of its sentences."""
    digest = hashlib.sha256(np.ascontiguousarray(statistics).tobytes()).hexdigest()
    return RunValue(value, basis, statistics, digest)


def as_stored(result: RunResult, *, statistics: bool) -> dict[str, Any]:
    """Plain data that JSON can hold.

    Args:
        statistics: whether those of the sentences are stored.
    """
    values = {}
    for name, entry in result.values.items():
        stored: dict[str, Any] = {"value": entry.value, "basis": dict(entry.basis)}
        if entry.digest:
            stored["digest"] = entry.digest
        if statistics and entry.statistics is not None:
            stored["statistics"] = packed_statistics(entry.statistics)
        values[name] = stored
    return {
        "run": result.run,
        "seed": result.seed,
        "configuration": dict(result.configuration),
        "overrides": list(result.overrides),
        "origin": dict(result.origin),
        "values": values,
        "curves": {name: [list(point) for point in curve] for name, curve in result.curves.items()},
        "name": result.name,
    }


def from_stored(stored: Mapping[str, Any]) -> RunResult:
    """The result that `as_stored` made plain.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is none.
    """
    values = {
        name: RunValue(
            float(entry["value"]),
            entry["basis"],
            unpacked_statistics(entry["statistics"]) if "statistics" in entry else None,
            str(entry.get("digest", "")),
        )
        for name, entry in stored["values"].items()
    }
    curves = {
        name: [(int(step), float(value)) for step, value in curve]
        for name, curve in stored["curves"].items()
    }
    return RunResult(
        run=str(stored["run"]),
        seed=int(stored["seed"]),
        configuration=stored["configuration"],
        overrides=tuple(stored["overrides"]),
        origin=stored["origin"],
        values=values,
        curves=curves,
        name=str(stored["name"]),
    )


def packed_statistics(table: Table) -> dict[str, Any]:
    """Statistics as text: one number after another of all sentences, compressed.

    Counts, which most are, take four bytes before they are compressed; others eight.
    """
    is_whole = bool(np.all(table == np.rint(table)) and np.all(np.abs(table) < 2**31))
    kind = "<i4" if is_whole else "<f8"
    content = zlib.compress(np.ascontiguousarray(table.T.astype(kind)).tobytes(), 9)
    return {
        "sentences": len(table),
        "kind": kind,
        "content": base64.b64encode(content).decode(),
    }


def unpacked_statistics(stored: Mapping[str, Any]) -> Table:
    """The statistics that `packed_statistics` packed.

    Raises:
        ValueError: the text is damaged.
    """
    kind, sentences = str(stored["kind"]), int(stored["sentences"])
    if kind not in ("<i4", "<f8"):
        raise ValueError(f"statistics of the kind {kind!r}")
    try:
        content = zlib.decompress(base64.b64decode(stored["content"]))
    except zlib.error as error:
        raise ValueError(f"statistics are damaged ({error})") from error
    columns = np.frombuffer(content, kind).astype(np.float64).reshape(-1, sentences)
    table: Table = columns.T
    return table
