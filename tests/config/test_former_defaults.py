"""An option that a saved configuration lacks means what the version that wrote it did."""

from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from seq2seq.config import former_defaults
from seq2seq.config.former_defaults import FORMER_DEFAULTS, with_former_defaults
from seq2seq.config.overrides import present_path
from seq2seq.config.plain import as_plain
from seq2seq.config.saved import as_saved_now, load_run_config
from seq2seq.config.schema import RunConfig
from seq2seq.folder.record import RunRecord
from seq2seq.run.resumption import config_of
from tests.options import every_option

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "tests" / "fixtures" / "v0.1.0"
CONFIGS = {name: FIXTURES / name / "config.yaml" for name in ("bundle", "run")}
FIRST_OPTIONS = {present_path(line) for line in (FIXTURES / "options.txt").read_text().splitlines()}
SECTIONS = {item.name for item in fields(RunConfig)}
OTHER: dict[str, Any] = {
    "trainer.keep_last": 7,
    "metrics": ["ter"],
    "data.tokenizer.user_defined_symbols": ["<x>"],
    "schedule.final_ratio": 0.5,
    "attention.dropout": 0.25,
    "local.window": 9,
    "rope.base": 77.0,
    "generated.num_symbols": 33,
}  # plain values that are no defaults


@pytest.fixture(params=CONFIGS)
def saved(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A configuration that version 0.1.0 saved."""
    content: dict[str, Any] = yaml.safe_load(CONFIGS[request.param].read_text())
    return content


def leaves(plain: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Paths and values of the options in a plain configuration, "model.layers.0.name"."""
    if isinstance(plain, dict):
        for name, value in plain.items():
            yield from leaves(value, f"{path}.{name}" if path else name)
    elif isinstance(plain, list) and any(isinstance(entry, dict) for entry in plain):
        for index, value in enumerate(plain):
            yield from leaves(value, f"{path}.{index}")
    else:
        yield path, plain


@pytest.mark.parametrize("name", CONFIGS)
def test_what_version_0_1_0_saved_is_read_as_it_stands_and_whole(name: str) -> None:
    before = dict(leaves(as_saved_now(yaml.safe_load(CONFIGS[name].read_text()))))
    now = dict(leaves(as_plain(load_run_config(CONFIGS[name]))))
    assert now == before, "an option without a former default has that of its class"


def test_each_option_since_0_1_0_says_what_older_configurations_mean() -> None:
    """Options of classes that came later are always saved with the name of their class."""
    lacking = [
        option.key
        for option in every_option()
        if not option.key.startswith("evaluate.")
        and option.key not in FIRST_OPTIONS | FORMER_DEFAULTS.keys()
        and option.key.partition(".")[0] in FIRST_OPTIONS | SECTIONS | {"attention", "position"}
    ]
    assert not lacking, f"FORMER_DEFAULTS in {former_defaults.__file__} must have them"


def test_former_defaults_are_of_options_that_came_later() -> None:
    keys = {option.key for option in every_option()}
    assert FORMER_DEFAULTS.keys() <= keys - FIRST_OPTIONS


@pytest.mark.parametrize("key", OTHER)
def test_a_former_default_holds_wherever_its_option_is_lacking(
    monkeypatch: pytest.MonkeyPatch, saved: dict[str, Any], key: str
) -> None:
    """Also in every role and layer; where a value was saved, that holds."""
    monkeypatch.setattr(former_defaults, "FORMER_DEFAULTS", {key: OTHER[key]})
    whole = as_plain(config_of(RunRecord("", "", as_saved_now(saved))))
    assert as_plain(config_of(RunRecord("", "", whole))) == whole
    lacking = edited(whole, key, lambda section, option: section.pop(option))
    expected = edited(whole, key, lambda section, option: section.update({option: OTHER[key]}))
    assert as_plain(config_of(RunRecord("", "", lacking))) == expected


def edited(plain: Any, key: str, edit: Callable[[dict[str, Any], str], Any], path: str = "") -> Any:
    """A plain configuration with an edit of each of its sections that an option belongs in."""
    if isinstance(plain, list):
        return [edited(entry, key, edit, f"{path}[]") for entry in plain]
    if not isinstance(plain, dict):
        return plain
    section = {
        name: edited(value, key, edit, f"{path}.{name}" if path else name)
        for name, value in plain.items()
    }
    owner, _, option = key.rpartition(".")
    is_mechanism = "num_kv_heads" in section
    if owner in (path, section.get("name")) or (owner == "attention" and is_mechanism):
        edit(section, option)
    return section


def test_a_section_that_is_lacking_is_added() -> None:
    """But none is made of what cannot be one: that is refused as it is read."""
    filled = with_former_defaults({"trainer": 3})
    assert "data" not in filled, "which needs a name"
    assert filled["trainer"] == 3
    assert "keep_last" in with_former_defaults({})["trainer"]
