"""Where training resumes."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from seq2seq.run.fit import resume_point
from seq2seq.training.checkpoint import CheckpointStore
from tests.training.tiny import tiny_model

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def messages(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    logging.getLogger("seq2seq").propagate = True
    with caplog.at_level(logging.INFO, "seq2seq"):
        yield caplog


def save(store: CheckpointStore, step: int, value: float, *, stopped: bool = False) -> Path:
    state = {name: torch.full_like(x, value) for name, x in tiny_model().state_dict().items()}
    path = store.path(step, stopped=stopped)
    store.save({"state_dict": {f"model.{name}": x for name, x in state.items()}}, path)
    return path


def test_training_resumes_from_the_newest_intact_checkpoint(
    tmp_path: Path, messages: pytest.LogCaptureFixture
) -> None:
    store = CheckpointStore(tmp_path)
    assert resume_point(store) is None
    assert "training restarts at step 0" in messages.text
    intact, torn = save(store, 1, 0.0), save(store, 2, 0.0)
    torn.write_bytes(b"")
    assert resume_point(store) == intact
    assert f"resuming from {intact}" in messages.text
    assert f"skipped: {torn} is damaged" in messages.text
