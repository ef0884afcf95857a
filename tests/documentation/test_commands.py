"""Every command that a page or a help text shows is one that works."""

import itertools
import re
import shlex
from pathlib import Path

import pytest

from seq2seq.config.groups import CONF
from seq2seq.config.overrides import ensure_no_edits, imports_of
from seq2seq.config.validate import validate
from seq2seq.imports import import_modules
from tests.documentation.composing import composed
from tests.documentation.pages import ROOT, page_commands

SETUP = ("python3 -m venv .venv && . .venv/bin/activate", "pip install ")
RUN = re.compile(r"(?:python (train|evaluate)\.py|seq2seq (train|evaluate)) ?(.*)")
MAKE = re.compile(r'make ([a-z-]+)(?: ARGS="([^"]*)")?')
SCRIPT = re.compile(r"python (scripts/\w+\.py)(.*)")


def help_commands() -> list[tuple[str, str]]:
    """The examples in the help of the two scripts: a name and a command."""
    examples = []
    for name in ("train", "evaluate"):
        text = (CONF / f"{name}.yaml").read_text(encoding="utf-8")
        text = text.replace(f"${{command:{name}}}", f"python {name}.py")
        lines = re.sub(r"\\\n\s*", "", text).splitlines()
        calls = [line.strip() for line in lines if RUN.match(line.strip())]
        examples += [(f"{name} --help", re.split(r"\s{3,}", call)[0]) for call in calls]
    return examples


EXAMPLES = page_commands() + help_commands()


@pytest.mark.parametrize(("page", "command"), EXAMPLES)
def test_a_command_is_one_that_works(workspace: Path, page: str, command: str) -> None:
    if match := RUN.fullmatch(command):
        ensure_composes(match[1] or match[2], shlex.split(match[3]))
    elif match := MAKE.fullmatch(command):
        ensure_target(match[1])
        if match[2]:
            ensure_composes(match[1], shlex.split(match[2]))
    elif match := SCRIPT.fullmatch(command):
        ensure_script(ROOT / match[1], shlex.split(match[2]))
    elif command.startswith("pytest "):
        assert all((ROOT / path).exists() for path in command.split()[1:])
    else:
        # Other commands of seq2seq are run by test_seq2seq.py.
        assert command.startswith(("seq2seq ", *SETUP)), f"{page}: what checks this command?"


def ensure_composes(name: str, arguments: list[str]) -> None:
    """A command line of train.py or evaluate.py composes, in every combination of a sweep."""
    if "--cfg" in arguments or any(item.startswith("resume=") for item in arguments):
        return
    of_sweep = ("sweep.", "hydra.")  # tests/config/test_hydra_cells.py
    overrides = [item for item in arguments if not item.startswith(("-", "$", *of_sweep))]
    ensure_no_edits(overrides)
    import_modules(imports_of(overrides) or [])
    choices = [
        [f"{key}={value}" for value in ([values] if "[" in values else values.split(","))]
        for key, _, values in (item.partition("=") for item in overrides)
    ]
    for combination in itertools.product(*choices):
        config = composed(name, combination)
        if name == "train":
            validate(config)


def ensure_target(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), f"make has no target {target}"


def ensure_script(path: Path, arguments: list[str]) -> None:
    """A script is there and has the options of a command line."""
    code = path.read_text(encoding="utf-8")
    for option in (item for item in arguments if item.startswith("--")):
        assert f'"{option}"' in code, f"{path} has no option {option}"


def test_there_are_commands_to_check() -> None:
    assert len(EXAMPLES) >= 60
