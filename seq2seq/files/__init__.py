"""Files that survive a fault at any moment: durable writes, hashes, leftovers, room."""

from seq2seq.files.durable import (
    append_text,
    atomic_file,
    atomic_path,
    atomic_write,
    read_lines,
    write_lines,
)
from seq2seq.files.leftovers import sweep, temporary_path
from seq2seq.files.ownership import ensure_replaceable_json, replaceable_folder
from seq2seq.files.room import ensure_room
from seq2seq.files.sealed import sealed, unsealed
from seq2seq.files.versions import identity_of, read_of_one_version

__all__ = [
    "append_text",
    "atomic_file",
    "atomic_path",
    "atomic_write",
    "ensure_replaceable_json",
    "ensure_room",
    "read_lines",
    "read_of_one_version",
    "replaceable_folder",
    "sealed",
    "sweep",
    "unsealed",
    "identity_of",
    "temporary_path",
    "write_lines",
]
