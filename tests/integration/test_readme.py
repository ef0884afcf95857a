"""Every command that the pages for users show is one that works: it composes, and what it names exists."""

import itertools
import re
import shlex
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from seq2seq.config.groups import CONF
from seq2seq.config.overrides import ensure_no_edits
from seq2seq.config.store import register_schemas, to_dataclass
from seq2seq.config.validate import validate
from tests.integration.commands import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "alignment.md").read_text(encoding="utf-8")
HELP = "".join(
    (CONF / f"{name}.yaml").read_text(encoding="utf-8") for name in ("train", "evaluate")
)


def commands(text: str) -> list[str]:
    """Lines that call one of the two scripts, continued lines joined, comments left out."""
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    calls = [
        line.split(" #")[0].strip()
        for line in lines
        if re.match(r"\s*python (train|evaluate)\.py", line)
    ]
    calls += [
        f"python {a}.py {b}" for a, b in re.findall(r'make (train|evaluate) ARGS="([^"]*)"', text)
    ]
    return [re.split(r"\s{3,}", call)[0] for call in calls]


@pytest.mark.parametrize("command", commands(README) + commands(PAGE) + commands(HELP))
def test_a_command_composes(command: str) -> None:
    script, *overrides = shlex.split(command)[1:]
    if "--cfg" in overrides:
        return
    overrides = [
        item for item in overrides if not item.startswith(("-", "$"))
    ]  # $: options that a script prints
    if any(item.startswith("resume=") for item in overrides):
        return
    ensure_no_edits(overrides)
    choices = [
        [f"{key}={value}" for value in (values.split(",") if "[" not in values else [values])]
        for key, _, values in (item.partition("=") for item in overrides)
    ]
    register_schemas()
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        for chosen in itertools.product(*choices):
            config = to_dataclass(
                compose(config_name=script.removesuffix(".py"), overrides=list(chosen))
            )
            if script == "train.py":
                validate(config)


def test_there_are_commands_to_check() -> None:
    assert len(commands(README)) >= 12
    assert len(commands(PAGE)) >= 4
    assert len(commands(HELP)) >= 10


@pytest.mark.parametrize("target", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_a_link_leads_somewhere(target: str) -> None:
    assert (ROOT / target).exists()


def test_make_targets_that_are_named_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"^make ([a-z-]+)", README, flags=re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_the_data_options_that_are_listed_exist() -> None:
    listed = re.search(r"\| `data=` \| corpus \|\n(.*?)\n\n", README, flags=re.DOTALL)
    assert listed is not None
    names = {
        name
        for row in listed[1].splitlines()[1:]
        for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    assert names == {path.stem for path in Path(CONF / "data").glob("*.yaml")}
