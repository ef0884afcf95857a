"""Every option and argument that is a path: `~` is expanded, and runs save it absolute."""

import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pytest
import typer.main

from seq2seq.cli import main as console
from seq2seq.cli.app import app
from seq2seq.config.describe import attribute_docs
from seq2seq.config.overrides import path_arguments, with_present_paths
from seq2seq.config.schema import EvaluateConfig, RunConfig
from seq2seq.data.corpora import CORPORA
from seq2seq.options import Options
from seq2seq.paths import (
    absolute,
    argument_with_home,
    expanded,
    name_problem,
    path_option,
    path_options,
    with_paths,
)
from tests.options import every_option

NO_PATHS = {"name", "data.source_kind", "evaluate.split"}  # whose description speaks of files
SPEAKS_OF_FILES = re.compile(r"^(an? |one )?(\w+ )?(file|folder|run's folder)s?\b")
CONFIGS = [RunConfig(data=corpus()) for _, corpus in CORPORA.items()]
OPTIONS = [
    (config, option) for config in [*CONFIGS, EvaluateConfig()] for option in path_options(config)
]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    home = tmp_path / "home of a user"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.mark.parametrize("option", sorted(path_arguments()))
def test_home_is_expanded_in_arguments(option: str, home: Path) -> None:
    typed = [f"{option}=~/a", f"{option}=[~/a,~/b, ~/c]", f"{option}=~", f"{option}=a~b/~"]
    assert with_present_paths(typed) == [
        f"{option}={home}/a",
        f"{option}=[{home}/a,{home}/b, {home}/c]",
        f"{option}={home}",
        f"{option}=a~b/~",
    ]


def test_other_arguments_keep_it() -> None:
    assert with_present_paths(["name=~/a", "~/a", "seed"]) == ["name=~/a", "~/a", "seed"]


@pytest.mark.parametrize(("config", "option"), OPTIONS, ids=lambda value: str(value)[:40])
def test_home_is_expanded_in_options(config: Any, option: str, home: Path) -> None:
    """However they were set: within quotation marks, in a file, from Python."""
    *sections, name = option.split(".")
    part = config
    for section in sections:
        part = getattr(part, section)
    present = getattr(part, name)
    setattr(part, name, ["~/a.py", "~"] if isinstance(present, list) else "~/a")
    try:
        changed = with_paths(config, expanded)
    finally:
        setattr(part, name, present)
    for section in sections:
        changed = getattr(changed, section)
    expected = [f"{home}/a.py", str(home)] if isinstance(present, list) else f"{home}/a"
    assert getattr(changed, name) == expected


def test_every_option_that_speaks_of_files_is_marked() -> None:
    for option in every_option():
        text = attribute_docs(option.kind).get(option.name, "")
        if SPEAKS_OF_FILES.match(text) and option.key not in NO_PATHS:
            metadata = {item.name: item.metadata for item in fields(option.kind)}
            assert "path" in metadata[option.name], option


@dataclass
class Places(Options):
    file: str | None = path_option()
    files: list[str] = path_option(["a"])
    module: str = path_option("", is_path=lambda text: text.endswith(".py"))
    other: str = "a"


@dataclass
class Whole(Options):
    places: Places = field(default_factory=Places)


def test_paths_become_absolute_and_names_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    before = Whole(Places("link/x", ["a", "/b"], "package.module"))
    after = with_paths(before, absolute)
    assert after.places == Places(f"{tmp_path}/link/x", [f"{tmp_path}/a", "/b"], "package.module")
    assert before.places.file == "link/x", "the first is unchanged"
    assert with_paths(Whole(Places(module="a.py")), absolute).places.module == f"{tmp_path}/a.py"
    assert Whole().places.files is not Whole().places.files


def commands(command: Any) -> list[Any]:
    subcommands = getattr(command, "commands", {}).values()
    return [command, *(nested for sub in subcommands for nested in commands(sub))]


def test_no_flag_is_short() -> None:
    """So that `argument_with_home` sees every path alone, or after the name of a flag and =."""
    found = commands(typer.main.get_command(app))
    flags = [flag for command in found for x in command.params for flag in x.opts if flag[0] == "-"]
    assert "--run" in flags
    assert all(flag.startswith("--") for flag in flags)


@pytest.mark.parametrize(
    ("typed", "form"),
    [
        ("~/a", "{}/a"),
        ("~", "{}"),
        ("--run=~/a", "--run={}/a"),
        ("a/~", "a/~"),
        ("--a=b~/c", "--a=b~/c"),
        ("-", "-"),
        ("x=~/a", "x=~/a"),
    ],
)
def test_home_is_expanded_in_arguments_of_commands(
    typed: str, form: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert argument_with_home(typed) == form.format(home)
    seen: list[list[str]] = []
    monkeypatch.setattr("seq2seq.cli.app.app", lambda args: seen.append(args))
    monkeypatch.setattr("sys.argv", ["seq2seq", "translate", typed])
    console.main()
    assert seen == [["translate", form.format(home)]]


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "/a", "a\\b", "a\nb", "a\x1b[2J", "\udce9", "é" * 101]
)
def test_what_is_no_name_of_a_folder(name: str) -> None:
    assert name_problem(name) is not None
    (problem,) = (x for x in RunConfig(name=name).problems() if x.startswith("name: "))
    assert "choose a name" in problem


@pytest.mark.parametrize("name", ["a", "a b", "a${b}c", "日本", "...", "-x", "é" * 100])
def test_what_is_a_name_of_a_folder(name: str) -> None:
    assert name_problem(name) is None
