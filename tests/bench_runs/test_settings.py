"""Settings of a comparison: from files and command lines, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from seq2seq.bench_runs.settings import (
    QualitySettings,
    Setting,
    as_setting,
    file_settings,
    read_settings,
)
from seq2seq.config.store import composed_run
from seq2seq.config.validate import run_problems
from seq2seq.errors import ConfigError
from seq2seq.options import problems_in

SCREENED = read_settings(None, [])


@pytest.mark.parametrize("setting", SCREENED.comparison(), ids=lambda setting: setting.name)
def test_every_setting_of_the_screening_composes(setting: Setting) -> None:
    config = composed_run([*SCREENED.base, *setting.overrides])
    assert list(run_problems(config)) == []


def test_the_screening_has_no_problems() -> None:
    assert list(problems_in(SCREENED)) == []
    assert SCREENED.budget() is not None


def test_settings_of_a_command_line_follow_those_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("seeds: 3\nsettings:\n  default:\n  wide: {overrides: [a=1]}\n")
    read = read_settings(path, ["deep=b=2 'c=[x, y]'", "plain"])
    assert read.seeds == 3
    assert read.comparison() == [
        Setting("default", ()),
        Setting("wide", ("a=1",)),
        Setting("deep", ("b=2", "c=[x, y]")),
        Setting("plain", ()),
    ]
    assert list(read_settings(None, ["one="]).settings) == ["one"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": {}}, "settings: must name at least one"),
        ({"steps": 5, "minutes": 1.0}, "steps and minutes: exclude each other"),
        ({"seeds": 0}, "seeds: must be at least 1"),
        ({"deviations": {"chrf": 1.0}}, "deviations.chrf: must be"),
        ({"deviations": {"bleu": 0.0}}, "deviations.bleu: must be"),
        ({"settings": {"a/b": []}}, "settings: a/b: must have no separator"),
        ({"base": ["seed=3"]}, "base: cannot set seed; choose the number of seeds"),
        ({"settings": {"a": ["-m"]}}, "a: must hold OPTION=VALUE, not '-m'"),
        (
            {"steps": 5, "settings": {"a": ["trainer.max_steps=9"]}},
            "a: cannot set trainer.max_steps; it follows from steps",
        ),
    ],
)
def test_problems(changes: dict[str, Any], message: str) -> None:
    settings = QualitySettings(**{"settings": {"a": []}, **changes})
    assert any(problem.startswith(message) for problem in problems_in(settings))


@pytest.mark.parametrize("entry", [3, [4], {"options": []}])
def test_an_entry_that_is_no_setting_is_refused(entry: object) -> None:
    with pytest.raises(ConfigError, match="settings.a: must be a list of overrides"):
        as_setting("a", entry)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "there is no such file"), ("seedz: 1", "seedz"), ("seeds: many", "many")],
)
def test_files_are_checked(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "settings.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=message):
        file_settings(path)
