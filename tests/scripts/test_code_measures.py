"""Measures of source code, counted by hand in trees made up for it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scripts.loading import imported_script

FILES = {
    "__init__.py": '"""A package."""\n',
    "alpha.py": '''\
"""One line of documentation,
and another."""

LIMIT = 3  # a comment


class Public:
    """Documented."""

    def method(self, found):
        def local():
            return 1

        return found if found else local

    def _hidden(self):
        pass


class _Private:
    def method(self):
        pass
''',
    "deep/beta.py": f"""\
LIMIT, other = 1, 2
TABLE = {{}}
TABLE["key"] = LIMIT
# {"x" * 100}


def function(a, *args, given=1, **kwargs):
    # another comment
    for a in args:
        (b := a)
    with open("x") as c:
        return [d for d in c]
""",
}


@pytest.fixture(scope="module")
def script() -> Iterator[Any]:
    with imported_script("code_measures") as module:
        yield module


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def test_every_measure_is_what_one_counts_by_hand(script: Any, tmp_path: Path) -> None:
    modules = script.read_modules(write(tmp_path / "tree", FILES))
    assert script.measures(modules) == {
        "files": "3",
        "lines": "35",
        "median file, lines": "12",
        "90 % of files, at most": "20",
        "longest file": "22",
        "functions": "5",
        "median function, lines": "2",
        "90 % of functions, at most": "5.6",
        "95 % of functions, at most": "5.8",
        "longest function": "6",
        "functions with **kwargs": "20.0 %",
        "public things with a docstring": "33.3 %",
        "public functions with a docstring": "0.0 %",
        "public classes with a docstring": "100.0 %",
        "docstring lines": "11.4 %",
        "comments per 100 lines": "8.6",
        "mean width of lines with text": "24.3",
        "lines over 100 wide": "4.0 %",
        "conditional expressions per 1,000 lines": "28.6",
        "bindings": "16",
        "filler bindings": "3",
        "share of filler bindings": "18.75 %",
        "names defined in several modules": "1",
        "places of such names": "2",
        "circles of imports": "0",
    }
    assert script.filler_bindings(modules) == [
        "tree/alpha.py:10: found",
        "tree/deep/beta.py:1: other",
        "tree/deep/beta.py:7: given",
    ]
    assert script.defined_twice(modules) == {"LIMIT": ["tree.alpha", "tree.deep.beta"]}


@pytest.mark.parametrize(
    ("imports", "circles"),
    [
        ({"a": "import p.b", "b": "import p.c", "c": "import torch"}, []),
        ({"a": "import p.b", "b": "from p import a"}, [["p.a", "p.b"]]),
        ({"a": "from p.b import x", "b": "from . import c", "c": "from .a import y"}, ["abc"]),
        ({"a": "from typing import *\nif TYPE_CHECKING:\n import p.b", "b": "import p.a"}, ["ab"]),
        ({"a": "def f():\n from p.b import x", "b": "import p.a"}, ["ab"]),
        (
            {"a": "import p.b", "b": "import p.a", "c": "import p.d", "d": "import p.c"},
            ["ab", "cd"],
        ),
        ({"a": "from p import *", "b": "import p.a", "__init__": "from p.b import x"}, ["_ab"]),
        ({"a": "from p.a import x"}, []),
    ],
)
def test_circles_of_imports_of_every_form_are_found(
    script: Any, tmp_path: Path, imports: dict[str, str], circles: list[Any]
) -> None:
    files = {f"{name}.py": text for name, text in imports.items()}
    modules = script.read_modules(write(tmp_path / "p", files))
    letters = {"_": "p"}
    expected = [[letters.get(x[-1], f"p.{x[-1]}") for x in members] for members in circles]
    assert script.circles(modules) == expected


def test_a_name_without_a_reason_and_a_reason_without_a_name_are_problems(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = script.read_modules(write(tmp_path / "tree", FILES))
    monkeypatch.setattr(script, "REASONS", {"LIMIT": "both have one"})
    assert script.reasons_problems(modules) == []
    monkeypatch.setattr(script, "REASONS", {"gone": "there were two"})
    first, second = script.reasons_problems(modules)
    assert first.startswith("LIMIT: is defined in tree.alpha, tree.deep.beta; ")
    assert second.startswith("gone: has a reason")


def test_the_command_compares_with_a_revision_and_lists_fillers(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    folder = write(tmp_path / "seq2seq", {**FILES, "gone.py": "x = 1\n"})
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"], ["tag", "before"]):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True)
    (folder / "gone.py").unlink()
    monkeypatch.setattr(script, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["script", "--compare", "before", "--list"])
    assert script.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["| measure | before | now |", "| --- | --- | --- |", "| files | 4 | 3 |"]
    assert "LIMIT: seq2seq.alpha, seq2seq.deep.beta: no reason given" in lines
    assert lines[-3:] == script.filler_bindings(script.read_modules(folder))
