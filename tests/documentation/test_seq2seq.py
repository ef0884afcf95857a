"""Every `seq2seq` command that a page shows runs, on tiny models; benchmarks are only parsed."""

import shlex
from pathlib import Path

import click
import pytest
import typer

from seq2seq.cli.app import app
from tests.cli.conftest import Command
from tests.documentation.pages import page_commands

RUN_BY_ITS_OWN_TEST = ["check-attention", "examples/my_attention.py"]  # in tests/examples
OF_SCRIPTS = ("train", "evaluate")  # checked as the scripts are, by test_commands.py
PAGES = {
    text: page
    for page, text in page_commands()
    if text.startswith("seq2seq ") and text.split()[1] not in OF_SCRIPTS
}  # a page of each command; several show some


def without_redirections(arguments: list[str]) -> tuple[list[str], str | None]:
    """Arguments without `< FILE` and `> FILE`, and the file of standard input."""
    remaining, standard_input = [], None
    words = iter(arguments)
    for word in words:
        if word == "<":
            standard_input = next(words)
        elif word == ">":
            next(words)
        else:
            remaining.append(word)
    return remaining, standard_input


@pytest.mark.parametrize(("text", "page"), PAGES.items())
def test_a_command_runs(command: Command, workspace: Path, page: str, text: str) -> None:
    arguments, standard_input = without_redirections(shlex.split(text)[1:])
    if arguments[0] == "bench" or arguments == RUN_BY_ITS_OWN_TEST:
        ensure_parses(typer.main.get_command(app), arguments)
        return
    stdin = b"" if standard_input is None else (workspace / standard_input).read_bytes()
    finished = command(*arguments, stdin=stdin)
    assert finished.code == 0, f"{page}: {text}\n{finished.err}"
    assert finished.out.strip()


def ensure_parses(command: click.Command, arguments: list[str]) -> None:
    """A command line has commands and options that exist."""
    while isinstance(command, click.Group):
        name, *arguments = arguments
        subcommand = command.get_command(click.Context(command), name)
        assert subcommand is not None, f"there is no command {name}"
        command = subcommand
    command.make_context(command.name, arguments)


def test_every_command_is_shown() -> None:
    names = {text.split()[1] for text in PAGES}
    shown = {"translate", "score", "align", "export", "report", "check-attention", "check-data"}
    assert names >= shown
