"""Nothing that a file or mapping holds is resolved against this machine."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2seq.config.plain import to_yaml
from seq2seq.config.saved import from_mapping, load_run_config, with_overrides
from seq2seq.config.schema import RunConfig
from seq2seq.data.corpora import FilesConfig, SplitFiles
from seq2seq.errors import CheckpointError

NAMES = st.text(r"\${}'\"a:.? []", max_size=14)
INTERPOLATIONS = (
    "${oc.env:CANARY}",
    "a${oc.env:CANARY}b",
    r"\${oc.env:CANARY}",
    r"\\${oc.env:CANARY}",
    "${oc.decode:${oc.env:CANARY}}",
    "${oc.create:{a:1}}",
    "${hydra:runtime.cwd}",
    "${choices_of:train}",
    "${command:x}",
    "${seed}",
    "${..seed}",
    "${",
    "${a",
    "a${b}c",
)


@given(NAMES)
def test_text_of_a_mapping_stays_as_it_is(name: str) -> None:
    run = from_mapping(RunConfig, {"name": name, "data": {"name": "generated"}})
    assert run.name == name
    assert with_overrides(run, ["seed=5"]).name == name


@pytest.mark.parametrize("text", INTERPOLATIONS)
def test_interpolations_in_a_saved_configuration_are_text(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", "secret")
    run = RunConfig(
        name=text,
        imports=[text],
        data=FilesConfig(source_language=text, train=SplitFiles(text, text)),
    )
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(run), encoding="utf-8")
    loaded = load_run_config(path)
    assert loaded == run
    assert with_overrides(loaded, ["seed=5", "name=x"]).data == run.data


@pytest.mark.parametrize("option", ["seed", "trainer", "model.num_heads", "metrics"])
def test_an_interpolation_for_another_kind_of_value_is_refused_unresolved(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", "987654321")
    path = tmp_path / "config.yaml"
    section, dot, name = option.partition(".")
    value = f"{{{name}: '${{oc.env:CANARY}}'}}" if dot else "'${oc.env:CANARY}'"
    path.write_text(f"data: {{name: generated}}\n{section}: {value}\n")
    with pytest.raises(CheckpointError, match="is not a configuration of this version") as refusal:
        load_run_config(path)
    assert "987654321" not in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    ["", "[a]", "a", "1: 2", "imports: os", "imports: 5", "${a}: 1"]
    + ["data: {name: generated}\nname: '" + "${" * 1_001 + "'"]
    + ["data: {name: __class__}", "model: {position: {name: __init__}}", "data: {name: [a]}"],
)
def test_what_is_no_configuration_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(CheckpointError, match=r"config.yaml(:| is not | cannot )"):
        load_run_config(path)
