"""Columns as plain lists, to compare."""

from seq2seq.data.column import Column
from seq2seq.data.encoded import EncodedPairs


def as_lists(column: Column) -> list[list[int]]:
    return [column.row(number).tolist() for number in range(len(column))]


def all_lists(rows: EncodedPairs) -> dict[str, list[list[int]]]:
    """Every side of training pairs, and their links where they have some."""
    columns = {"source": rows.source, "target": rows.target, "links": rows.links}
    return {name: as_lists(column) for name, column in columns.items() if column is not None}
