"""Two versions of a made-up repository are trained, killed and resumed by the script."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scripts.loading import imported_script

TRAIN = """\
import json, os, struct, sys, time
from pathlib import Path

options = dict(argument.split("=", 1) for argument in sys.argv[1:])
assert Path(os.environ["PYTHONPATH"]) == Path(__file__).parent
run = Path(options.get("resume") or options["hydra.run.dir"])
name = f"step-{int(options.get('trainer.checkpoint_every', 2)):08d}.ckpt"
LOSS = 1.0
for folder in ("checkpoints", "model", "evaluation/test"):
    (run / folder).mkdir(parents=True, exist_ok=True)
(run / "checkpoints" / "last.json").write_text(json.dumps({"last": name}))
if run.name.endswith("_killed"):
    time.sleep(60)
if run.name.endswith("_first"):
    import torch

    moments = {"state": {0: {"exp_avg": torch.full((2, 2), LOSS)}}}
    moments["param_groups"] = [{"params": [0], "param_names": ["model.w"]}]
    torch.save({"state_dict": {}, "optimizer_states": [moments]}, run / "checkpoints" / name)
(run / "metrics.jsonl").write_text(json.dumps({"step": 1, "train/loss": LOSS}))
header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
weights = struct.pack("<Q", len(header)) + header + struct.pack("<f", LOSS)
(run / "model" / "model.safetensors").write_bytes(weights)
(run / "model" / "manifest.json").write_text("{}")
for text in ("hypotheses.txt", "alignments.pharaoh"):
    (run / "evaluation" / "test" / text).write_text("a")
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Its tags `one` and `two` train to other losses; the working tree is that of `one`."""
    root = tmp_path / "repository"
    root.mkdir()
    for loss, tag in (("1.0", "one"), ("1.5", "two")):
        (root / "train.py").write_text(TRAIN.replace("LOSS = 1.0", f"LOSS = {loss}"))
        for command in (["init", "-q"], ["add", "."], ["commit", "-qm", tag], ["tag", tag]):
            identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
            subprocess.run(["git", *identity, *command], cwd=root, check=True)
    (root / "train.py").write_text(TRAIN)
    return root


@pytest.fixture
def script(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with imported_script("compare_versions") as module:
        monkeypatch.setattr(module, "ROOT", repository)
        yield module


def compare(script: Any, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["script", *arguments, "--setting", "quick"])
    code: int = script.main()
    return code


def test_the_working_tree_against_the_same_and_against_another_revision(
    script: Any, repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    assert compare(script, monkeypatch, "one") == 0
    line = "| quick | kept | same | same | same | 0.0e+00 | 0.0e+00 | same |"
    assert capsys.readouterr().out.splitlines()[-1] == line
    runs = repository / "outputs" / "compare_versions"
    (runs / "one" / "quick" / "evaluation" / "test" / "hypotheses.txt").write_text("kept")
    assert compare(script, monkeypatch, "one", "two", "--reuse") == 1
    line = "| quick | kept | no | no | no | 5.0e-01 | 5.0e-01 | differs |"
    assert capsys.readouterr().out.splitlines()[-1] == line
    worktrees = ["git", "worktree", "list"]
    listed = subprocess.run(worktrees, cwd=repository, check=True, capture_output=True, text=True)
    assert len(listed.stdout.splitlines()) == 1, "checkouts are removed"


def test_a_killed_run_is_resumed_by_both(
    script: Any, repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    assert compare(script, monkeypatch, "one", "two", "--resume", "--steps", "6") == 1
    line = "| quick | kept | no | no | same | - | 5.0e-01 | differs |"
    assert capsys.readouterr().out.splitlines()[-1] == line
    killed = repository / "outputs" / "compare_versions" / "one" / "quick_killed"
    assert not (killed / "metrics.jsonl").exists()


def test_a_run_that_fails_ends_the_comparison_with_its_message(
    script: Any, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "train.py").write_text("raise SystemExit('no such option')")
    with pytest.raises(SystemExit, match="no such option"):
        compare(script, monkeypatch, "one")
