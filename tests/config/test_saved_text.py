"""What is saved reads back equal, whatever text an option holds; nothing of the environment is."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from seq2seq.config import folders
from seq2seq.config.folders import make, unused_folder
from seq2seq.config.interpolation import quoted
from seq2seq.config.plain import as_plain, to_yaml
from seq2seq.config.saved import from_mapping, load_run_config, with_overrides
from seq2seq.config.schema import RunConfig
from seq2seq.config.validate import run_problems
from seq2seq.data.corpora import FilesConfig, SplitFiles
from seq2seq.errors import ConfigError
from seq2seq.training.config import LoggerConfig
from tests.config.composing import composed_run

AWKWARD = st.text(
    alphabet="ab1.e-_~\\${}'\"=,:#&*!|>%@`?[] \t\n\r\x85\u2028\ufeff\x1b", max_size=10
)
LIKE_OTHERS = st.sampled_from(
    ["true", "No", "null", "~", "1e-9", "0x1f", "1_000", ".inf", "2026-01-31", "=", "<<", "1:30"]
)
UNICODE = st.characters(exclude_categories=["Cs"])
TEXTS = st.text(UNICODE, max_size=30) | AWKWARD | LIKE_OTHERS


def configuration(texts: list[str]) -> RunConfig:
    """A configuration that holds texts in options of every kind: alone, in lists, in sections."""
    first, *_, last = texts
    return RunConfig(
        name=first,
        init_from=last,
        imports=texts,
        data=FilesConfig(train=SplitFiles(first, [first, last])),
        logger=LoggerConfig(project=last, tags=texts),
    )


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, min_size=30, max_size=60))
@example(texts=["a${b}c", "a\\${b}c", "${oc.env:HOME}", "${", "\\${", "$", ""])
def test_what_is_saved_reads_back_equal(tmp_path: Path, texts: list[str]) -> None:
    run = configuration(texts)
    path = tmp_path / "config.yaml"
    path.write_bytes(to_yaml(run).encode())
    assert load_run_config(path) == run
    assert from_mapping(RunConfig, as_plain(run)) == run


@settings(max_examples=300)
@given(text=st.text(alphabet="ab\\${}'\"=,[ ]:/.~é", max_size=10))
@example(text="\\${")
@example(text="a\\'")
def test_quoted_text_is_itself_in_the_grammar_of_hydra(text: str) -> None:
    value = OverridesParser.create().parse_override(f"x={quoted(text)}").value()
    assert OmegaConf.create({"x": value}).x == text


def test_text_that_is_not_unicode_is_refused() -> None:
    tags = LoggerConfig(tags=["a", "\udce9"])
    assert "logger.tags: must be text in UTF-8" in "\n".join(run_problems(RunConfig(logger=tags)))


def test_text_that_was_escaped_is_that_text() -> None:
    assert composed_run("name=a\\${b}c").name == "a${b}c"


@pytest.mark.parametrize(
    "override",
    [
        "data.cache_dir=${oc.env:HOME}",
        "logger.tags=['${oc.env:HOME}']",
        "name=${oc.env:NO_SUCH_VARIABLE,a}",
    ],
)
def test_the_environment_is_not_read_into_options(override: str) -> None:
    with pytest.raises(ConfigError, match="variables of the environment are not read into options"):
        composed_run(override)
    with pytest.raises(ConfigError, match="variables of the environment are not read into options"):
        with_overrides(RunConfig(), [override])


def test_two_runs_at_one_time_get_two_folders(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: make(tmp_path / "a" / "now"), range(20)))
    names = {"now", *(f"now-{number}" for number in range(2, 21))}
    assert (
        {path.name for path in made} == names == {path.name for path in (tmp_path / "a").iterdir()}
    )


def test_a_process_that_asks_again_gets_the_same_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = unused_folder("outputs", "a", "now")
    assert first == str(Path("outputs", "a", "now"))
    assert unused_folder("outputs", "a", "now") == first
    monkeypatch.setattr(folders, "_made", {})
    assert unused_folder("outputs", "a", "now") == f"{first}-2"


@pytest.mark.parametrize("name", ["..", "../../a", "/a", "a\nb"])
def test_a_name_that_is_none_makes_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="^name: must "):
        unused_folder("outputs", name, "now")
    assert list(tmp_path.iterdir()) == []
