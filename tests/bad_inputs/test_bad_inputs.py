"""What a user does wrong ends with one message that names the place, and changes nothing of his.

The commands run in this process. `scripts/bad_inputs.py` runs them as a user does, with times.
"""

import contextlib
import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seq2seq.cli.main import main
from seq2seq.errors import user_error
from tests.bad_inputs.case import Case
from tests.bad_inputs.place import digest, lay_out, make_models
from tests.bad_inputs.tables import AREAS, CASES
from tests.cli.conftest import Finished

MIN_CASES = 120


def run_here(arguments: list[str], stdin: bytes = b"") -> Finished:
    """Run `seq2seq` in this process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
    before = sys.argv, sys.stdin
    sys.argv, sys.stdin = ["seq2seq", *arguments], io.TextIOWrapper(io.BytesIO(stdin))
    code = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.argv, sys.stdin = before
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]
    return Finished(code, *texts)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")

    def train(arguments: list[str]) -> None:
        done = run_here(arguments)
        assert done.code == 0, done.err

    make_models(folder, train)
    return folder


def message_of_call(call: Callable[[Path], object], folder: Path) -> str:
    try:
        call(folder)
    except Exception as error:
        if (explained := user_error(error)) is None:
            raise
        return str(explained)
    pytest.fail("nothing was raised")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_bad_input(
    case: Case, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = tmp_path / "user", tmp_path / "out"
    lay_out(case, folder, models)
    monkeypatch.chdir(folder)
    before = digest(folder)
    if callable(case.does):
        message = message_of_call(case.does, folder)
    else:
        done = run_here(case.does.split(), case.stdin)
        assert done.code in ((1, 2) if case.code is None else (case.code,)), done
        message = done.err
        assert "Traceback" not in message
    for part in case.says:
        assert part in message
    assert digest(folder) == before, "files of the user were changed"
    if not case.writes:
        assert not list(out.glob("*")), "what a refused run wrote stays"


def test_every_area_has_cases() -> None:
    assert len(CASES) >= MIN_CASES
    assert all(AREAS.values())
