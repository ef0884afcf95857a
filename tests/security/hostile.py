"""Files as an attacker would make them, and what a user would do with each.

An attacker writes every file of a bundle or run, and its hashes. What would be executed leaves the
file CANARY_FILE in the working folder; what would leak is the value of a variable, SECRET.
"""

import json
import os
import pickle
import shutil
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seq2seq.data.storage import sha256_of
from seq2seq.files import sealed, unsealed

CANARY_FILE, SECRET_NAME, SECRET = "canary-was-executed", "SEQ2SEQ_CANARY", "S3cr3t-of-the-canary"
Make = Callable[[Path], Any]
EXECUTE = f"open({CANARY_FILE!r}, 'w').close()"
READ_SECRET = f"${{oc.env:{SECRET_NAME}}}"


@dataclass(frozen=True)
class Exploit:
    """A hostile file, and its use.

    Attributes:
        make: changes a copy of a whole bundle or run, in a folder of its own, into a hostile one.
        use: what a user does with that folder.
        is_refused: it must end in an error of the user; False where it is read as plain data.
    """

    make: Make
    use: Callable[[Path], Any]
    is_refused: bool = True


class Executes:
    """An object whose unpickling runs code."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (EXECUTE,)


def pickled() -> bytes:
    return pickle.dumps(Executes())


def reseal(bundle: Path) -> None:
    """Write the manifest of a changed bundle anew, as its attacker would."""
    facts = unsealed((bundle / "manifest.json").read_bytes())
    facts["sha256"] = {
        path.relative_to(bundle).as_posix(): sha256_of(path)
        for path in sorted(bundle.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }
    (bundle / "manifest.json").write_bytes(sealed(facts))


def with_manifest(change: Callable[[dict[str, Any]], None]) -> Make:
    """Change the content of a manifest, and seal it again."""

    def make(run: Path) -> None:
        path = run / "model" / "manifest.json"
        facts = unsealed(path.read_bytes())
        change(facts)
        path.write_bytes(sealed(facts))

    return make


def with_file(name: str, content: bytes | str, *, resealed: bool = True) -> Make:
    """Replace or add a file of a bundle."""

    def make(run: Path) -> None:
        path = run / "model" / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        if resealed:
            reseal(run / "model")

    return make


def with_config(change: Callable[[Any], None]) -> Make:
    """Change the options of a bundle's configuration."""

    def make(run: Path) -> None:
        from seq2seq.bounded import read_yaml

        path = run / "model" / "config.yaml"
        options = read_yaml(path)
        change(options)
        path.write_text(json.dumps(options), encoding="utf-8")  # JSON is YAML
        reseal(run / "model")

    return make


def with_option(path: str, value: Any) -> Make:
    """Set one option of a bundle's configuration, or add a key."""

    def change(options: Any) -> None:
        *sections, name = path.split(".")
        for section in sections:
            options = options[section]
        options[name] = value

    return with_config(change)


def with_yaml(text: str) -> Make:
    """Append text to a bundle's configuration."""

    def make(run: Path) -> None:
        path = run / "model" / "config.yaml"
        path.write_text(f"{path.read_text(encoding='utf-8')}\n{text}\n", encoding="utf-8")
        reseal(run / "model")

    return make


def with_link(name: str, target: str) -> Make:
    """Replace a file or folder of a bundle by a link; the manifest keeps its hashes."""

    def make(run: Path) -> None:
        path = run / "model" / name
        if path.is_dir():
            shutil.move(path, run / "moved")
        elif path.exists():
            shutil.move(path, run / "outside")
        path.symlink_to(target)

    return make


def with_pipe(run: Path) -> None:
    """Replace a member by a pipe that nobody writes to."""
    path = run / "model" / "text" / "test.source"
    path.unlink()
    os.mkfifo(path)


def sparse(name: str) -> Make:
    """Make a file of a run a gigabyte of zeros that take no room."""

    def make(run: Path) -> None:
        with (run / name).open("ab") as file:
            file.truncate(1 << 30)

    return make


def safetensors(header: Any, data: bytes = b"", *, size: int | None = None) -> bytes:
    """A file with this header, whether or not the data fit it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def zipped(path: Path, entries: dict[str, bytes]) -> None:
    """A compressed archive, in which zeros take a thousandth of their size."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def npy(shape: str, kind: str = "<f4", data: bytes = b"") -> bytes:
    """A NumPy file with this shape in its header, whether or not the data fit it."""
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (len(header) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def sentencepiece_model(*fields: tuple[int, bytes]) -> bytes:
    """A serialised message of these fields."""
    return b"".join(varint(number << 3 | 2) + varint(len(text)) + text for number, text in fields)


def varint(value: int) -> bytes:
    digits = b""
    while value > 127:
        digits, value = digits + bytes([value & 127 | 128]), value >> 7
    return digits + bytes([value])
