"""A cell is continued or skipped only if it is the run that the grid asks for."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seq2seq import __version__
from seq2seq.config.plain import to_yaml
from seq2seq.config.schema import RunConfig
from seq2seq.folder.machine import Hardware
from seq2seq.folder.record import write_record
from seq2seq.run.start import as_recorded, as_saved, new_record
from seq2seq.sweeps.standing import standing_of

CONTENTS = {"data": {"train pairs": "a" * 64}, "tokenizer": {}, "imports": {}, "base_weights": {}}


def trained(folder: Path, config: RunConfig, state: str = "finished", **facts: Any) -> None:
    """A folder as a run leaves it, without checkpoints."""
    folder.mkdir(exist_ok=True)
    begun = as_recorded(as_saved(config), folder)
    record = new_record(begun)
    hardware = Hardware("cpu", "32-true", 1, 3)
    write_record(folder, replace(record, bound=CONTENTS, hardware=hardware, **facts))
    (folder / "config.yaml").write_text(to_yaml(begun), encoding="utf-8")
    (folder / "status.json").write_text(json.dumps({"state": state}))


def changed(config: RunConfig, section: str, **values: Any) -> RunConfig:
    return replace(config, **{section: replace(getattr(config, section), **values)})


@pytest.mark.parametrize(
    ("state", "expected"), [("finished", "finished"), ("stopped", "begun"), ("failed", "begun")]
)
def test_a_run_that_is_what_was_asked_for(tmp_path: Path, state: str, expected: str) -> None:
    trained(tmp_path, RunConfig(), state)
    assert standing_of(tmp_path, RunConfig(), CONTENTS).state == expected


def test_nothing_was_trained(tmp_path: Path) -> None:
    assert standing_of(tmp_path / "absent", RunConfig(), CONTENTS).state == "new"
    trained(tmp_path, RunConfig(), "failed")
    write_record(tmp_path, new_record(RunConfig()))
    assert standing_of(tmp_path, RunConfig(), CONTENTS).state == "new"


@pytest.mark.parametrize(
    ("section", "values", "is_stale"),
    [
        ("trainer", {"max_steps": 7}, True),
        ("trainer", {"evaluate": False}, True),
        ("trainer", {"num_threads": 2}, True),
        ("trainer", {"progress_every": 99.0}, False),
        ("trainer", {"report_every": 99}, False),
        ("data", {"cache_dir": "elsewhere"}, False),
        ("data", {"limit_train": 5}, True),
        ("optimizer", {"learning_rate": 1e-5}, True),
        ("decoding", {"beam_size": 2}, True),
    ],
)
def test_options(tmp_path: Path, section: str, values: dict[str, Any], is_stale: bool) -> None:
    trained(tmp_path, RunConfig())
    standing = standing_of(tmp_path, changed(RunConfig(), section, **values), CONTENTS)
    assert (standing.state == "stale") == is_stale
    assert all(f"{section}.{name}" in standing.reasons[0] for name in values if is_stale)
    assert not is_stale or standing.finished


def test_threads_that_the_sweep_shared_out_are_kept(tmp_path: Path) -> None:
    trained(tmp_path, changed(RunConfig(), "trainer", num_threads=3), "stopped")
    assert standing_of(tmp_path, RunConfig(), CONTENTS).state == "begun"


def test_other_data_and_other_versions(tmp_path: Path) -> None:
    trained(tmp_path, RunConfig())
    other = CONTENTS | {"data": {"train pairs": "b" * 64}}
    standing = standing_of(tmp_path, RunConfig(), other)
    assert standing.state == "stale"
    assert "train pairs: was SHA-256 aaaaaaaaaaaa" in standing.reasons[0]
    assert standing_of(tmp_path, RunConfig(), None).state == "finished"
    trained(tmp_path, RunConfig(), version="0.1.9")
    standing = standing_of(tmp_path, RunConfig(), CONTENTS)
    assert standing.reasons == (f"version of seq2seq: was 0.1.9, not {__version__}",)


def test_a_changed_run_and_a_damaged_record(tmp_path: Path) -> None:
    trained(tmp_path, RunConfig(), settings={"trainer.max_steps": 9000})
    standing = standing_of(tmp_path, RunConfig(), CONTENTS)
    assert "trainer.max_steps: was 9000" in standing.reasons[0]
    (tmp_path / "run.json").write_text("{}")
    assert standing_of(tmp_path, RunConfig(), CONTENTS).state == "stale"
