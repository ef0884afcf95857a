"""A launcher of Hydra's that is installed beside it trains the cells of a sweep."""

import os
from pathlib import Path

import pytest

from seq2seq.folder.directory import RunDirectory
from tests.integration.commands import TINY, Run


def test_joblib_trains_cells_and_skips_those_that_are_finished(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    sweep = ["-m", *TINY, f"data.cache_dir={tmp_path / 'cache'}", "seed=1,2"]
    chosen = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    named = [f"hydra.sweep.dir={tmp_path}", "hydra.sweep.subdir=${hydra.job.override_dirname}"]
    short = ["hydra.job.config.override_dirname.exclude_keys=[" + ",".join(keys(TINY)) + "]"]
    for _ in range(2):
        done = run("train.py", *sweep, *chosen, *named, *short)
        assert done.returncode == 0, done.stderr
        folders = sorted(path.parent for path in tmp_path.glob("*/status.json"))
        assert [folder.name for folder in folders] == ["seed=1", "seed=2"]
        assert {RunDirectory(folder).status()["state"] for folder in folders} == {"finished"}
    assert "all 2 cells are finished" in done.stderr
    assert os.path.exists(folders[0] / "model" / "manifest.json")


def keys(options: list[str]) -> list[str]:
    """The options that every cell has."""
    return sorted({option.partition("=")[0] for option in options} | {"data.cache_dir"})
