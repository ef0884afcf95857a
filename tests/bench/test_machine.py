"""Facts of a machine from the texts that Linux gives."""

import json

import pytest

from seq2seq.bench.machine import (
    ProcessorTimes,
    busy_share,
    load_warnings,
    machine_facts,
    processor_model,
    stolen_share,
    vector_units,
)

INFO = """processor\t: 0
model name\t: Some Processor @ 2.00GHz
cpu family\t: 6
model\t\t: 143
stepping\t: 8
flags\t\t: fpu avx avx2 avx512f avx512_bf16 amx_bf16 amx_tile

processor\t: 1
model name\t: Another
flags\t\t: fpu sve
"""
STAT = "cpu  100 5 50 800 20 1 4 20 3 1\ncpu0 50 2 25 400 10 0 2 10 0 0\nintr 9\n"


def test_the_processor_and_its_units() -> None:
    assert processor_model(INFO) == "Some Processor @ 2.00GHz (6/143/8)"
    assert vector_units(INFO) == ["avx2", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16"]
    assert vector_units("Features\t: fp asimd bf16\n") == ["asimd", "bf16"]
    assert (processor_model(""), vector_units("")) == ("", [])


def test_times_of_processors() -> None:
    times = ProcessorTimes.parse(STAT)
    assert times == ProcessorTimes(total=1000, idle=820, stolen=20)
    later = ProcessorTimes(total=1200, idle=970, stolen=30)
    assert stolen_share(times, later) == 0.05
    assert busy_share(times, later) == 0.25
    assert stolen_share(times, times) == 0
    assert stolen_share(None, later) is busy_share(times, None) is None


@pytest.mark.parametrize("text", ["", "cpu0 1 2 3 4 5 6 7 8", "cpu 1 2 3 4 5 6 7"])
def test_a_text_of_another_kind_gives_no_times(text: str) -> None:
    assert ProcessorTimes.parse(text) is None


@pytest.mark.parametrize(("busy", "count"), [(None, 0), (0.0, 0), (0.05, 0), (0.06, 1)])
def test_a_busy_machine_is_warned_of(busy: float | None, count: int) -> None:
    assert len(list(load_warnings({"busy": busy, "load": 9.0}))) == count


def test_facts_fit_into_json() -> None:
    facts = machine_facts()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["processor"]
    assert facts["cores"] >= 1
