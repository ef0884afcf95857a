"""Where training resumes, and which weights the bundle gets."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from seq2seq.config.schema import RunConfig
from seq2seq.data.column import Column
from seq2seq.data.encoded import EncodedPairs
from seq2seq.data.prepare import Split
from seq2seq.data.sources.base import Pairs
from seq2seq.data.synthetic import GeneratedConfig
from seq2seq.errors import ConfigError
from seq2seq.run.fit import ensure_validated, resume_point
from seq2seq.training.checkpoint import CheckpointStore
from seq2seq.training.config import Export, TrainerConfig
from tests.training.tiny import tiny_corpus, tiny_model

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


@pytest.mark.parametrize("option", [{"export": Export.best}, {"patience": 3}])
def test_options_that_need_validation_pairs_are_refused_without_them(
    tmp_path: Path, option: dict[str, Any]
) -> None:
    config = RunConfig(data=GeneratedConfig(), trainer=TrainerConfig(**option))
    corpus = tiny_corpus(tmp_path)
    ensure_validated(config, corpus)
    corpus = replace(corpus, validation=Split(Pairs(), EncodedPairs(Column.of([]), Column.of([]))))
    with pytest.raises(ConfigError, match=f"trainer.{next(iter(option))}: needs validation pairs"):
        ensure_validated(config, corpus)
    ensure_validated(RunConfig(data=GeneratedConfig()), corpus)
