"""Files of strangers are plain data, and are refused before they cost more than a moment."""

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from seq2seq.bounded import MAX_DEPTH, MAX_VALUES, parse_yaml, read_bounded, read_json, read_yaml

BOMB = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [*{previous}, *{previous}]\n"
    for previous, name in zip("abcdefgh", "bcdefghi", strict=True)
)
REFUSED_YAML = {
    BOMB: "no aliases, such as \\*a",
    "a: &a {b: *a}": "no aliases",
    "[" * 100_000: f"at most {MAX_DEPTH} values in one another",
    "- " * 1_000: f"at most {MAX_DEPTH} values in one another",
    "- x\n" * (MAX_VALUES + 1): "at most 20,000 keys and values",
    "a: 1" + ":59" * 60_000: "at most 10,000 characters",  # a number of base 60
    "a: 1\nb: 2\na: 3": "the key 'a' stands twice",
    "a: {b: 1, b: 2}": "the key 'b' stands twice",
    "a: !!python/object/apply:os.system [touch canary]": "no tags",
    "a: !!python/name:os.system": "no tags",
    "a: !!python/object/apply:pathlib.PosixPath [/etc/passwd]": "no tags",
    "a: !!binary AAAA": "no tags",
    "? [a, b]\n: c": "plain YAML",
    "a: [": "plain YAML",
    "a: 1\n---\nb: 2": "plain YAML",
    "a" * (1 << 18) + "bc": "at most 262,144 bytes",
}
REFUSED_JSON = {
    "[" * 100_000: "nested too deeply",
    '{"a":' * 100_000: "nested too deeply",
    '{"a": 1, "a": 2}': "a key stands twice",
    "1" * 5_000: "digits",
    '"' + "a" * (4 << 20): "at most 4,194,304 bytes",
    "{": "Expecting",
}


@pytest.mark.parametrize("text", REFUSED_YAML, ids=lambda text: text[:30])
def test_yaml_beyond_plain_data_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=REFUSED_YAML[text]):
        read_yaml(path)


@pytest.mark.parametrize("text", REFUSED_JSON, ids=lambda text: text[:30])
def test_json_beyond_its_bounds_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=REFUSED_JSON[text]):
        read_json(path)


@pytest.mark.parametrize("kind", ["folder", "pipe", "endless", "link"])
def test_only_regular_files_are_read(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if kind == "endless" else "absent")
    with pytest.raises(FileNotFoundError if kind == "link" else ValueError):
        read_bounded(path, 10)
    (tmp_path / "regular").write_bytes(b"12345")
    (tmp_path / "linked").symlink_to("regular")
    assert read_bounded(tmp_path / "linked", 5) == b"12345"
    with pytest.raises(ValueError, match="at most 4 bytes"):
        read_bounded(tmp_path / "linked", 4)


@given(st.text("0123456789.eE+-_:infNaxob~y ", min_size=1, max_size=8))
def test_values_of_yaml_are_those_of_omegaconf(text: str) -> None:
    """Runs and bundles of version 0.1.0 were written for its reader."""
    expected: Any
    try:
        expected = OmegaConf.to_container(OmegaConf.load(io.StringIO(f"a: {text}")))
    except Exception:
        expected = None
    read: Any
    try:
        read = parse_yaml(f"a: {text}")
    except ValueError:
        read = None
    assert repr(read) == repr(expected)


def test_plain_values_are_read_as_they_are(tmp_path: Path) -> None:
    values = {"a": [1, 2.5, None, True, "${oc.env:HOME}", "2001-01-01", "*x"], "b": {"c": ""}}
    (tmp_path / "a.json").write_text(json.dumps(values))
    assert read_json(tmp_path / "a.json") == read_yaml(tmp_path / "a.json") == values
