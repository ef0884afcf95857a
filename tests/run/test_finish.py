"""Which weights the bundle of a finished run gets."""

import logging
from pathlib import Path

import pytest
import torch

from seq2seq.run.finish import select_weights
from seq2seq.training.callback import TrainingCallback
from seq2seq.training.checkpoint import CheckpointStore
from seq2seq.training.config import Export, TrainerConfig
from seq2seq.training.metrics_log import MetricsFile
from tests.training.tiny import tiny_model


def trained(folder: Path, config: TrainerConfig, steps: list[int]) -> TrainingCallback:
    """What is left of training with checkpoints of these steps, and others by their side.

    Weights are the number of their step.
    """
    store = CheckpointStore(folder, keep_last=99)
    for step in (*steps, 9):
        for stopped in (False, True):
            state = tiny_model().state_dict()
            value = float(9 if stopped else step)
            tensors = {f"model.{name}": torch.full_like(x, value) for name, x in state.items()}
            store.save({"state_dict": tensors}, store.path(step, stopped=stopped))
    callback = TrainingCallback(store, MetricsFile(folder / "metrics.jsonl"), config)
    callback.saved_steps = steps
    return callback


@pytest.mark.parametrize(
    ("export", "average_last", "steps"),
    [
        (Export.average, 2, (3, 4)),
        (Export.average, 99, (1, 2, 3, 4)),
        (Export.last, 2, (4,)),
        (Export.best, 2, (2,)),
    ],
)
def test_the_bundle_gets_the_weights_that_the_configuration_names(
    tmp_path: Path, export: Export, average_last: int, steps: tuple[int, ...]
) -> None:
    """Steps decide, not files: neither a checkpoint of a stop is used nor one of a later step."""
    config = TrainerConfig(export=export, average_last=average_last)
    callback, model = trained(tmp_path, config, [1, 2, 3, 4]), tiny_model()
    callback.early_stopping.best_step = 2
    names = [callback.store.path(step).name for step in steps]
    assert select_weights(config, callback, model) == names
    mean = sum(steps) / len(steps)
    assert all((x == mean).all() for x in model.parameters())


def test_without_a_best_checkpoint_the_last_is_used_and_a_warning_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No validation gave a number."""
    config = TrainerConfig(export=Export.best)
    callback = trained(tmp_path, config, [1, 2])
    logging.getLogger("seq2seq").propagate = True
    with caplog.at_level(logging.INFO, "seq2seq"):
        names = select_weights(config, callback, tiny_model())
    assert names == [callback.store.path(2).name]
    assert "the bundle holds the last" in caplog.text


@pytest.mark.parametrize("export", [Export.ema, Export.tail])
def test_an_average_over_steps_comes_from_the_last_checkpoint(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, export: Export
) -> None:
    """What it does not average is as in that checkpoint; without one, a warning says so."""
    config = TrainerConfig(export=export)
    callback, model = trained(tmp_path, config, [1, 2]), tiny_model()
    path = callback.store.path(2)
    checkpoint = callback.store.load(path)
    averages = {name: torch.full_like(x, 7.0) for name, x in model.named_parameters()}
    del averages["output.weight"]
    for state in ({"averages": averages}, {"averages": {}}):
        callbacks = {"TrainingCallback": {"saved_steps": [1, 2], "weight_average": state}}
        callback.store.save({**checkpoint, "callbacks": callbacks}, path)
        logging.getLogger("seq2seq").propagate = True
        with caplog.at_level(logging.WARNING, "seq2seq"):
            assert select_weights(config, callback, model) == [path.name]
        for name, x in model.named_parameters():
            assert (x == (7.0 if name in state["averages"] else 2.0)).all()
        assert ("before the average" in caplog.text) == (not state["averages"])
