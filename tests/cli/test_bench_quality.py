"""`seq2seq bench quality`: what it refuses."""

from pathlib import Path

import pytest

from tests.cli.conftest import Command


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--setting", "a=", "--steps", "0"], "steps: must be at least 1"),
        (["--setting", "a=", "--deviation", "bleu"], "--deviation: must be loss or bleu=NUMBER"),
        (["--setting", "a=", "--test", "b"], "--test: there is no setting 'b'"),
        (["--setting", "a=", "nonsense"], "base: must hold OPTION=VALUE, not 'nonsense'"),
        (["--setting", "a=model.dropot=1"], "a: model.dropot: there is no such option"),
    ],
)
def test_refusals_of_the_command(
    command: Command, tmp_path: Path, arguments: list[str], message: str
) -> None:
    ended = command("bench", "quality", "--output", tmp_path / "q", *arguments)
    assert ended.code == 2
    assert message in ended.err
