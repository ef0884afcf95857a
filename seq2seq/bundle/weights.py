"""The parameters of a bundle: written once each, and compared with the model before they are read.

A file from a stranger may describe more than fits in memory, or another model: names and shapes
in its header are compared with those of the configuration before either takes memory.
"""

from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from seq2seq.bounded import physical_memory
from seq2seq.config.validate import attention_problems, position_problems
from seq2seq.errors import CheckpointError
from seq2seq.model.config import ModelConfig
from seq2seq.model.renamed import with_present_names
from seq2seq.model.transformer import Transformer
from seq2seq.options import problems_in

MAX_HEADER = 4 << 20  # bytes, for 30,000 tensors
Shapes = dict[str, tuple[int, ...]]
DRAWING = ("normal_", "uniform_")  # methods of tensors, and functions of torch.nn.init


class WithoutValues(TorchFunctionMode):
    """A block in which tensors without memory are not drawn, and what counts is made on the CPU.

    Either of tensors without memory imports torch's compiler, which takes 80 MB and a second.
    """

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        if getattr(func, "__name__", None) in DRAWING:
            return args[0] if args else given["tensor"]
        if func is torch.arange:
            given = {"device": "cpu", **given}
        return func(*args, **given)


def ensure_possible(model: ModelConfig, path: Path) -> None:
    """Refuse sizes and mechanisms that no model can have. Raises CheckpointError."""
    problems = list(problems_in(model, "model.", unread=False))
    problems = problems or [*attention_problems(model), *position_problems(model)]
    if problems:
        listed = "\n  ".join(problems)
        raise CheckpointError(f"{path} does not describe a model:\n  {listed}")


def ensure_weights_fit(path: Path, config: ModelConfig, build: Callable[[], Transformer]) -> None:
    """Refuse a safetensors file whose header does not list the parameters of a model.

    Args:
        build: makes the model; called with tensors that have no memory.

    Raises:
        CheckpointError: names or shapes differ, or the model does not fit in memory.
    """
    stored = stored_shapes(path)
    num_values = sum(map(prod, stored.values()))
    num_layers = config.encoder.num_layers + config.decoder.num_layers
    if num_layers > len(stored) or max(config.d_model, config.d_ff) > num_values:
        raise _others(path, f"{len(stored):,} tensors of {num_values:,} values")
    expected = expected_shapes(path, build)
    if expected is None:
        return
    for name in sorted(stored.keys() | expected.keys()):
        if stored.get(name) != expected.get(name):
            raise _others(
                path, f"{name}: {stored.get(name, 'nothing')}, not {expected.get(name, 'nothing')}"
            )


def stored_shapes(path: Path) -> Shapes:
    """The shapes in the header of a safetensors file, by the present names of parameters.

    Raises:
        CheckpointError: it is no such file, or its header is too large.
    """
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
        if size > MAX_HEADER:
            raise ValueError(f"its header must have at most {MAX_HEADER:,} bytes, not {size:,}")
        with safe_open(path, framework="numpy") as tensors:
            shapes = {
                name: tuple(tensors.get_slice(name).get_shape()) for name in list(tensors.keys())
            }
    except (OSError, ValueError, SafetensorError) as error:
        raise _others(path, str(error)) from error
    return with_present_names(shapes)


def expected_shapes(path: Path, build: Callable[[], Transformer]) -> Shapes | None:
    """The shapes of the parameters and buffers that a bundle of a model holds.

    None for a model with parts of a user's module that read values while they are built.

    Raises:
        CheckpointError: the model does not fit in memory.
    """
    try:
        with torch.device("meta"), WithoutValues():
            model = build()
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        if "meta" in str(error):
            return None
        raise CheckpointError(
            f"{path}: the model of its configuration is too large; copy the bundle again"
        ) from error
    tensors = [*model.parameters(), *model.buffers()]
    size = sum(tensor.nbytes for tensor in tensors)
    if size > physical_memory():
        raise CheckpointError(
            f"{path}: the model must fit in the memory of this machine, {physical_memory():,} "
            f"bytes, but has {size:,}; load it on a larger machine"
        )
    return {name: tuple(tensor.shape) for name, tensor in stored_weights(model).items()}


def save_weights(model: nn.Module, path: Path) -> None:
    """Write the parameters and buffers of a model, each once.

    Raises:
        CheckpointError: they cannot be written; safetensors does not raise OSError.
    """
    try:
        save_file(stored_weights(model), path)
    except SafetensorError as error:
        raise CheckpointError(f"{path} could not be written: {error}; make room") from error


def stored_weights(model: nn.Module) -> dict[str, Tensor]:
    """The parameters and buffers of a model that a bundle holds."""
    shared = shared_names(model)
    return {name: tensor for name, tensor in model.state_dict().items() if name not in shared}


def shared_names(model: nn.Module) -> set[str]:
    """Second names of parameters, such as that of a tied output projection; each is stored once."""
    names = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    return names - {name for name, _ in model.named_parameters()}


def load_weights(model: Transformer, path: Path) -> None:
    """Load the parameters of a bundle, of this or an earlier version, into a model.

    Raises:
        CheckpointError: they are not those of this model.
    """
    try:
        weights = with_present_names(load_file(path))
        missing, unexpected = model.load_state_dict(weights, strict=False)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise _others(path, str(error)) from error
    if unexpected or set(missing) != shared_names(model):
        raise _others(path, "holds others")


def _others(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(
        f"{path} must hold the weights of its configuration: {reason}; copy the bundle again"
    )
