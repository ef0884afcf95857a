"""What a measuring process returns, for every mechanism in every role."""

import ctypes
import json

import pytest

from seq2seq.attention.config import MECHANISMS
from seq2seq.bench import measure
from seq2seq.bench.plan import ROLES_BY_NAME, Request, Settings

LEGAL = [
    (name, role)
    for name, config in MECHANISMS.items()
    for role in ROLES_BY_NAME
    if ROLES_BY_NAME[role] in config.roles
]


@pytest.fixture(autouse=True)
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run everything once, in this process."""
    monkeypatch.setattr(measure, "MAX_REPEATS", 1)


def request_for(name: str, role: str, lengths: list[int], *, steps: bool = False) -> Request:
    return Request.of(Settings.read(), name, role, lengths, steps=steps)


def state_bytes(name: str, lengths: list[int]) -> list[int]:
    rows = measure.measure(request_for(name, "decoder", lengths, steps=True))["rows"]
    return [row["state_bytes"] for row in rows]


@pytest.mark.parametrize(("name", "role"), LEGAL)
def test_every_mechanism_can_be_measured_in_its_roles(name: str, role: str) -> None:
    measured = json.loads(json.dumps(measure.measure(request_for(name, role, [40]))))
    (row,) = measured["rows"]
    assert row["length"] == 40
    assert row["seconds"] > 0
    assert row["peak_bytes"] >= 0
    assert (row["state_bytes"] is None) == (role == "encoder")
    if role != "encoder":
        steps = measure.measure(request_for(name, role, [9, 40], steps=True))["rows"]
        assert [step["length"] for step in steps] == [9, 40]
        assert steps[-1]["state_bytes"] == row["state_bytes"]


def test_the_state_has_the_size_that_each_mechanism_needs() -> None:
    lengths = [100, 300, 600]
    full = state_bytes("full", lengths)
    assert full == [2 * 4 * 64 * 4 * length for length in lengths]
    assert state_bytes("gqa", lengths) == [size // 2 for size in full]
    assert state_bytes("mqa", lengths) == [size // 4 for size in full]
    assert state_bytes("local", lengths) == [full[0], *[2 * 4 * 64 * 4 * 255] * 2]
    for name in ("linear", "performer"):
        assert len(set(state_bytes(name, lengths))) == 1


def test_the_peak_is_that_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        measure, "forward_backward", lambda core, inputs: inputs.q.new_ones(64 * 2**18).sum()
    )
    ctypes.CDLL(None).malloc_trim(0)  # what trainings of other tests in this process left free
    (row,) = measure.measure(request_for("full", "encoder", [8]))["rows"]
    assert 63 * 2**20 < row["peak_bytes"] < 80 * 2**20


@pytest.mark.parametrize(
    ("seconds", "repeats"), [(0.01, 100), (0.25, 4), (0.5, 3), (4.0, 3), (11.0, 1)]
)
def test_short_runs_are_repeated_more_often(
    monkeypatch: pytest.MonkeyPatch, seconds: float, repeats: int
) -> None:
    monkeypatch.undo()
    clock, runs = 0.0, []

    def run() -> None:
        nonlocal clock
        runs.append(clock)
        clock += seconds

    monkeypatch.setattr(measure.time, "perf_counter", lambda: clock)
    assert measure.shortest_time(run) == pytest.approx(seconds)
    assert len(runs) == repeats
