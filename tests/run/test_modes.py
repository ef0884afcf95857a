"""Files and folders of a run have the rights that the umask leaves, whatever library wrote them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from seq2seq.run.start import start_run
from tests.scripts.loading import imported_script

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(params=[0o002, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    mask: int = request.param
    before = os.umask(mask)
    yield mask
    os.umask(before)


def test_everything_that_a_run_writes_is_shared_as_the_umask_says(
    tmp_path: Path, umask: int
) -> None:
    root = tmp_path / "shared"
    with imported_script("short_runs") as script:
        start_run(script.configuration(script.CASES["average"], root), root / "run", [])
    paths = [root, *root.rglob("*")]
    modes = {path: path.stat().st_mode & 0o777 for path in paths}
    expected = {path: (0o777 if path.is_dir() else 0o666) & ~umask for path in paths}
    assert modes == expected
    written = {path.name for path in paths}
    assert {"model.safetensors", "last.json", "scores.json", "train.arrow", "run.lock"} <= written
