"""Commands in processes of their own, and a finished run."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.commands import ROOT, TINY, Run, environment


@pytest.fixture
def run() -> Run:
    """run("train.py", "model=tiny"): a finished process with its output."""

    def call(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / script), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, env=environment(), timeout=300
        )

    return call


@pytest.fixture(scope="session")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of prepared corpora."""
    return str(tmp_path_factory.mktemp("corpora"))


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny finished run."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    cache = tmp_path_factory.mktemp("cache")
    command = [
        sys.executable,
        str(ROOT / "train.py"),
        *TINY,
        f"hydra.run.dir={folder}",
        f"data.cache_dir={cache}",
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=environment(), timeout=300
    )
    assert done.returncode == 0, done.stderr
    return folder
