"""Options of a configuration as overrides and as flags: one definition, one meaning."""

from dataclasses import fields
from pathlib import Path

import pytest

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.cli.command import config_options, split_arguments
from seq2seq.decoding.config import DecodingConfig
from seq2seq.errors import ConfigError
from tests.cli.conftest import Command
from tests.results.bundles import sentences

DECODING = config_options("decoding", DecodingConfig)
ALIGNMENT = config_options("alignment", AlignmentConfig)
TEXT = "".join(f"{line}\n" for line in sentences(5)).encode()


def test_every_option_has_a_flag_and_a_help_text() -> None:
    assert [option.path for option in DECODING] == [
        f"decoding.{item.name}" for item in fields(DecodingConfig)
    ]
    for option in DECODING + ALIGNMENT:
        assert option.flags[0] == f"--{option.path.split('.')[1].replace('_', '-')}"
        assert len(option.help) > 10


@pytest.mark.parametrize(
    ("arguments", "override"),
    [
        (["--beam-size", "5"], "decoding.beam_size=5"),
        (["--beam-size=5"], "decoding.beam_size=5"),
        (["decoding.beam_size=5"], "decoding.beam_size=5"),
        (["--allow-unknown"], "decoding.allow_unknown=true"),
        (["--no-allow-unknown"], "decoding.allow_unknown=false"),
        (["--heads", "0,3"], "alignment.heads=[0,3]"),
        (["--heads", "all"], "alignment.heads=[]"),
        (["--heads=[1]"], "alignment.heads=[1]"),
        (["--use-input-row"], "alignment.use_input_row=true"),
        (["--no-shifted"], "alignment.use_input_row=false"),
        (["--imports", "a.py", "--imports", "b"], "imports=[a.py,b]"),
    ],
)
def test_a_flag_is_a_spelling_of_an_override(arguments: list[str], override: str) -> None:
    mixed = ["one", *arguments, "two"]
    assert split_arguments(mixed, DECODING + ALIGNMENT) == (["one", "two"], [override])


def test_files_stay_plain() -> None:
    files = ["a=b", "dir/decoding.beam_size=5", "-", "--run", "x", "--", "decoding.beam_size=5"]
    assert split_arguments(files, DECODING) == (files, [])


def test_a_flag_needs_its_value() -> None:
    with pytest.raises(ConfigError, match="--beam-size: needs a value"):
        split_arguments(["--beam-size"], DECODING)


def test_overrides_and_flags_give_the_same(command: Command, run: Path) -> None:
    flags = ["--beam-size", "3", "--n-best", "2", "--length-penalty", "none"]
    overrides = ["decoding.beam_size=3", "decoding.n_best=2", "decoding.length_penalty=none"]
    outputs = [
        command("translate", "--run", run, *options, stdin=TEXT).out
        for options in ([], flags, overrides)
    ]
    assert outputs[0] != outputs[1] == outputs[2] != ""


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("decoding.beam_sise=5", "decoding.beam_sise: is not an option of this command; did you"),
        ("alignment.heatmaps=0", "alignment.heatmaps: is not an option of this command"),
        ("seed=5", "seed: is not an option of this command"),
        ("decoding.beam_size=five", "decoding.beam_size: Value 'five' of type 'str' could not"),
        ("decoding.method=guess", "decoding.method: Invalid value 'guess'"),
        ("imports=[no/such/file.py]", "imports: no/such/file.py: there is no such file"),
    ],
)
def test_what_is_no_option_is_refused(
    command: Command, run: Path, override: str, message: str
) -> None:
    ended = command("translate", "--run", run, override, stdin=TEXT)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_the_help_page_lists_both_spellings(command: Command) -> None:
    page = command("translate", "--help").out
    assert "--beam-size, decoding.beam_size=N" in page
    assert "--method, decoding.method=beam|sampling" in page
    assert "--allow-unknown/--no-allow-unknown, decoding.allow_unknown=true|false" in page
    page = command("align", "text", "--help").out
    assert "--heads, alignment.heads=N,..." in page
    assert "decoding.beam_size" not in page


def test_an_old_name_of_a_command(command: Command) -> None:
    assert command("align", "both", "--help").code == 0
    page = command("align", "--help").out
    assert "bidirectional" in page
    assert "│ both" not in page
