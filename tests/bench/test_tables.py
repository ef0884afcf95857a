"""Growth exponents and tables by hand."""

from seq2seq.bench.tables import Row, growth_exponents, sequence_table, step_table

LENGTHS = (1024, 2048, 4096, 8192, 16384)


def rows(name: str, exponent: float) -> list[Row]:
    return [
        {
            "mechanism": name,
            "role": "encoder",
            "length": length,
            "seconds": 3e-7 * length**exponent,
            "peak_bytes": 2**20 * length // 1024,
        }
        for length in LENGTHS
    ]


def test_exponents_need_five_lengths() -> None:
    cells = rows("m", 1.5)
    assert list(growth_exponents(cells)) == [
        {"mechanism": "m", "role": "encoder", "time_exponent": 1.5, "memory_exponent": 1.0}
    ]
    (fit,) = growth_exponents(cells[1:])
    assert fit["time_exponent"] is None


def test_a_cost_that_cannot_be_measured_is_left_out() -> None:
    cells = rows("m", 2.0)
    cells[0]["peak_bytes"] = 0
    (fit,) = growth_exponents(cells)
    assert (fit["time_exponent"], fit["memory_exponent"]) == (2.0, None)


def test_the_table_of_sequences() -> None:
    cells = [*rows("full", 2.0), *rows("linear", 1.0)]
    del cells[-4]
    lines = sequence_table(cells, list(growth_exponents(cells))).splitlines()
    assert lines[0].split() == [
        *["mechanism", "role", *map(str, LENGTHS)],
        *["time", "~", "N^", "memory", "~", "N^", "x", "full", "at", "16384"],
    ]
    assert lines[1].startswith("full       encoder  0.315 s, 1 MB")
    assert lines[1].split()[-3:] == ["2.00", "1.00", "1.0"]
    assert lines[2].split()[-3:] == ["-", "-", "16384.0"]
    assert "  -  " in lines[2], "a length that was not measured"


def test_the_table_of_steps() -> None:
    row = {"mechanism": "m", "role": "cross", "length": 8, "seconds": 2e-5, "state_bytes": 4096}
    assert step_table([row]).splitlines() == [
        "mechanism  role   8",
        "m          cross  20 us, 4 kB",
    ]
