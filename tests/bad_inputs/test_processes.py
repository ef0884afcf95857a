"""Some bad inputs and streams in processes of their own, as a user meets them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bad_inputs.case import Case
from tests.bad_inputs.tables import CASES
from tests.bad_inputs.test_bad_inputs import models as models  # the fixture
from tests.integration.commands import ROOT, environment
from tests.scripts.loading import imported_script

pytestmark = pytest.mark.slow
EVERY = 20
COMMANDS = [case for case in CASES.values() if isinstance(case.does, str)][::EVERY]
TRANSLATE = f"{sys.executable} -m seq2seq.cli.main translate --run one s"


@pytest.mark.parametrize("case", COMMANDS, ids=lambda case: case.name)
def test_a_bad_input_in_a_process(case: Case, models: Path) -> None:
    with imported_script("bad_inputs") as script:
        assert script.answer(case, models).problems == []


STREAMS = {
    "in ASCII": ("PYTHONIOENCODING=ascii", "", 0, ""),
    "in the C locale": ("LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0", "", 0, ""),
    "a closed output": ("", ">&-", 1, "error: standard output: is closed"),
    "a full output": ("", "> /dev/full", 1, "error: standard output: the disk is full"),
    "closed messages": ("", "2>&-", 0, ""),
    "full messages": ("", "2> /dev/full", 0, ""),
    "a reader that went away": ("", "| true; exit ${PIPESTATUS[0]}", 141, ""),
}


@pytest.mark.parametrize("case", STREAMS)
def test_streams_of_a_command(case: str, models: Path, tmp_path: Path) -> None:
    variables, redirection, code, message = STREAMS[case]
    shutil.copytree(models / "one", tmp_path / "one")
    (tmp_path / "s").write_text("ä\n" * 500, encoding="utf-8")
    done = subprocess.run(
        ["bash", "-c", f"{variables} {TRANSLATE} {redirection}"],
        capture_output=True,
        cwd=tmp_path,
        env={**environment(), "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == code, done.stderr
    assert message in done.stderr.decode()
    assert b"Traceback" not in done.stderr
