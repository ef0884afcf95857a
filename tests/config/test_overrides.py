"""Overrides with names of version 0.1, and modules that a command line names."""

from pathlib import Path

import pytest

from seq2seq.config.overrides import (
    RENAMED,
    imports_of,
    present_path,
    with_present_keys,
    with_present_paths,
)
from seq2seq.config.plain import to_yaml
from seq2seq.config.saved import load_run_config, saved_imports
from seq2seq.config.schema import RunConfig
from seq2seq.errors import CheckpointError, ConfigError


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("initial=outputs/a", "init_from=outputs/a"),
        ("guided_alignment=links", "alignment_supervision=links"),
        ("guided_alignment.weight=0.1", "alignment_supervision.weight=0.1"),
        ("guided_alignment.shifted=false", "alignment_supervision.use_input_row=false"),
        ("alignment.shifted=true", "alignment.use_input_row=true"),
        ("data.augmentation.cuts=4", "data.augmentation.split_samples=4"),
    ],
)
def test_an_old_name_is_replaced_with_a_note(
    argument: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert with_present_paths([argument]) == [expected]
    old, new = argument.split("=")[0], expected.split("=")[0]
    assert capsys.readouterr().err == f"note: {old}= is now called {new}=\n"


def test_other_arguments_stay(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["-m", "seed=1,2", "initial", "name=guided_alignment=x", "--cfg", "job"]
    assert with_present_paths(arguments) == arguments
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("path", RENAMED)
def test_every_old_path_leads_to_an_option(path: str) -> None:
    node: object = RunConfig()
    for name in present_path(path).split("."):
        node = getattr(node, name)


def test_old_keys_of_a_saved_configuration_are_renamed() -> None:
    saved = {"guided_alignment": {"shifted": True}, "data": {"augmentation": {"cuts": 2}}}
    assert with_present_keys(saved) == {
        "alignment_supervision": {"use_input_row": True},
        "data": {"augmentation": {"split_samples": 2}},
    }


def test_the_last_imports_count() -> None:
    assert imports_of(["seed=1"]) is None
    assert imports_of(["imports=[a]", "imports=[b/c.py,d]"]) == ["b/c.py", "d"]
    assert imports_of(["imports=[]"]) == []


@pytest.mark.parametrize("value", ["a.py", "", "{a: b}", "[1]", "[a"])
def test_imports_must_be_a_list_of_names(value: str) -> None:
    with pytest.raises(ConfigError, match="imports: must be a list of files and modules"):
        imports_of([f"imports={value}"])


def test_a_configuration_says_what_it_needs_and_imports_nothing(tmp_path: Path) -> None:
    saved = tmp_path / "config.yaml"
    marker = tmp_path / "imported"
    module = tmp_path / "mine.py"
    module.write_text(f"open({str(marker)!r}, 'w').close()")
    saved.write_text(to_yaml(RunConfig(imports=[str(module)])), encoding="utf-8")
    assert load_run_config(saved).imports == saved_imports(saved) == [str(module)]
    text = saved.read_text().replace("name: sinusoidal", "name: spiral")
    saved.write_text(text, encoding="utf-8")
    with pytest.raises(CheckpointError, match=rf"'spiral'.*add imports=\[{module}\]"):
        load_run_config(saved)
    assert not marker.exists()
