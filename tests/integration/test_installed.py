"""The wheel holds all that commands need: in an empty environment and an empty folder they work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.commands import ROOT, environment

SMALL = [
    *("model.d_model=32", "model.d_ff=64", "data=copy", "data.num_train=500", "data.num_test=20"),
    *("data.num_validation=20", "data.batch.max_tokens=256"),
]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `seq2seq` script of an environment that holds the wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, timeout=600)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True, timeout=600)
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    install = [*pip, "--python", str(folder / "venv"), "install", *constraints, str(wheel)]
    subprocess.run(install, check=True, timeout=1800)
    return folder / "venv" / "bin" / "seq2seq"


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_the_commands_of_a_wheel(program: Path, tmp_path: Path) -> None:
    clean = {name: value for name, value in environment().items() if name != "PYTHONPATH"}
    bare = clean | {"PATH": os.defpath}

    def seq2seq(*arguments: str) -> str:
        done = subprocess.run(
            [program, *arguments], cwd=tmp_path, env=bare, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    for name in ("train", "evaluate", "translate"):
        assert name in seq2seq("--help")
    page = seq2seq("train", "--help")
    assert "seq2seq train experiment=quick" in page
    assert "encoder_attention" in page
    seq2seq("train", "experiment=quick", "trainer.max_steps=20", "trainer.evaluate=false")
    short = ["decoding=greedy", "decoding.max_length_ratio=0", "decoding.max_length_offset=4"]
    assert "BLEU" in seq2seq("evaluate", *short)
    assert [path.name for path in (tmp_path / "outputs").iterdir()] == ["quick"]
    brief = ["experiment=quick", "trainer.max_steps=2", *SMALL]
    seq2seq("train", "-m", "seed=1,2", *brief)
    assert (
        len(list((tmp_path / "outputs" / "quick").glob("sweep/seed-[12]/model/manifest.json"))) == 2
    )
    seq2seq("train", "trainer=ddp_cpu", "name=pair", *brief)
    assert len(list((tmp_path / "outputs" / "pair").glob("*/model/manifest.json"))) == 1
