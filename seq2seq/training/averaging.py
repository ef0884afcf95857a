"""Weights of a bundle from the checkpoints of a run."""

from pathlib import Path

import torch
from torch import Tensor, nn

from seq2seq.errors import CheckpointError
from seq2seq.training.checkpoint import CheckpointStore
from seq2seq.training.checkpoint_names import AVERAGE, CALLBACK, MODEL_PREFIX


def average_weights(
    store: CheckpointStore, paths: list[Path], model: nn.Module
) -> dict[str, Tensor]:
    """The mean of each parameter over checkpoints, in float64; buffers are those of the last.

    Source: Vaswani et al. 2017 (arXiv:1706.03762), section 6.1.

    Args:
        paths: of one or more checkpoints, oldest first.
        model: tells parameters from buffers.

    Raises:
        CheckpointError: some are missing or damaged.
    """
    if missing := [path.name for path in paths if not path.is_file()]:
        raise CheckpointError(
            f"the parameters of the bundle are the mean of {len(paths)} checkpoints, of which "
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing from "
            f"{store.folder}; bring them back, then continue with resume="
        )
    states = [model_weights(store, path) for path in paths]
    parameters = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    return {
        name: torch.stack([state[name].double() for state in states]).mean(0).to(last.dtype)
        if name in parameters
        else last
        for name, last in states[-1].items()
    }


def load_step_average(store: CheckpointStore, path: Path, model: nn.Module) -> bool:
    """Give a model the average over steps that a checkpoint holds; False if it holds none."""
    state = store.load(path)["callbacks"][CALLBACK].get(AVERAGE, {"averages": {}})
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in state["averages"]:
                parameter.copy_(state["averages"][name])
    return bool(state["averages"])


def model_weights(store: CheckpointStore, path: Path) -> dict[str, Tensor]:
    """The state of the model alone."""
    state = store.load(path)["state_dict"]
    return {name.removeprefix(MODEL_PREFIX): tensor for name, tensor in state.items()}
