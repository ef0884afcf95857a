"""A run interrupted after its last step ends as if it had not been, without a further step."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from seq2seq.data.storage import sha256_of
from seq2seq.folder.directory import RunDirectory
from seq2seq.results import evaluate
from seq2seq.run import finish
from seq2seq.run.resume import resume_run
from seq2seq.stopping import Stopped
from seq2seq.training.module import TranslationModule
from tests.run.begun import STEPS, Begun, begin, tiny_config
from tests.training.interrupted import Killed

pytestmark = pytest.mark.filterwarnings("ignore")

MOMENTS: dict[str, tuple[ModuleType | type, str, bool]] = {
    "before the export": (finish, "select_weights", False),
    "within the export": (finish, "select_weights", True),
    "after the export": (finish, "write_bundle", True),
    "before the evaluation": (evaluate, "load_bundle", False),
    "within the evaluation": (evaluate, "write_translations", True),
    "after the evaluation": (evaluate, "log_scores", True),
}  # a function, and whether it is interrupted after it instead of before
PHASES = {"export": "exporting", "evaluation": "evaluation"}
INTERRUPTIONS = {"kill": Killed(), "signal": Stopped(15), "error": OSError("the disk is gone")}


def started(folder: Path) -> Begun:
    folder.mkdir()
    config = tiny_config(folder)
    config.trainer.evaluate = True
    return begin(folder, config)


def outcome(run: Path) -> dict[str, Any]:
    """Hashes of what the run leaves, except for times; and its status."""
    left_out = ("train.log", "status.json", "run.lock", "metrics.jsonl")
    files = {
        path.relative_to(run).as_posix(): sha256_of(path)
        for path in run.rglob("*")
        if path.is_file() and path.name not in left_out and "tensorboard" not in path.parts
    }
    status = RunDirectory(run).status()
    return {**files, "status": {name: status.get(name) for name in ("state", "step", "phase")}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Begun:
    return started(tmp_path_factory.mktemp("whole") / "text")


def raising(action: Callable[..., Any], error: BaseException, *, after: bool) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        if after:
            action(*arguments, **options)
        raise error

    return call


@pytest.mark.parametrize(
    ("interruption", "moment"),
    [
        ("kill", "within the export"),
        ("error", "within the evaluation"),
        ("signal", "within the evaluation"),
        *(pytest.param("kill", moment, marks=pytest.mark.slow) for moment in MOMENTS),
        *(
            pytest.param(kind, "within the export", marks=pytest.mark.slow)
            for kind in INTERRUPTIONS
        ),
    ],
)
def test_a_run_interrupted_at_its_end(
    tmp_path: Path,
    whole: Begun,
    moment: str,
    interruption: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner, name, after = MOMENTS[moment]
    error = INTERRUPTIONS[interruption]
    with monkeypatch.context() as context:
        context.setattr(owner, name, raising(getattr(owner, name), error, after=after))
        with pytest.raises(type(error)):
            started(tmp_path / "text")
    run = Begun(tmp_path / "text").run
    status = RunDirectory(run).status()
    assert status["step"] == STEPS
    assert status["phase"] == PHASES[moment.split()[-1]]
    assert status["state"] == ("stopped" if interruption == "signal" else "failed")
    monkeypatch.setattr(TranslationModule, "update", None)
    reports = (run / "metrics.jsonl").read_bytes()
    resume_run(run, [])
    assert (run / "metrics.jsonl").read_bytes() == reports
    assert without_paths(outcome(run)) == without_paths(outcome(whole.run))


def without_paths(files: dict[str, Any]) -> dict[str, Any]:
    """Without the files that hold where the text of a run lies, which differs between runs."""
    holding = ("config.yaml", "run.json", "manifest.json", "last.json")
    return {name: x for name, x in files.items() if not name.endswith(holding)}
