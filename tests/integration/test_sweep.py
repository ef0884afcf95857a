"""A sweep trains each combination in its own folder; what cannot be trained is left out."""

import json
from pathlib import Path

from tests.integration.commands import TINY, Run


def test_combinations_run_in_separate_folders(run: Run, tmp_path: Path, finished_run: Path) -> None:
    cache = f"data.cache_dir={tmp_path / 'cache'}"
    sweep = f"hydra.sweep.dir={tmp_path / 'sweep'}"
    done = run(
        "train.py",
        "-m",
        *TINY,
        cache,
        sweep,
        "encoder_attention=full,linear,local",
        "position=rope",
    )
    assert done.returncode == 0, done.stderr
    assert "cannot be trained, and are left out" in done.stderr
    assert "loses its meaning in linear" in done.stderr
    finished = sorted(path.parent for path in (tmp_path / "sweep").glob("*/status.json"))
    assert len(finished) == 2
    assert {json.loads((folder / "status.json").read_text())["state"] for folder in finished} == {
        "finished"
    }
    assert "=" not in "".join(folder.name for folder in finished)
