"""The parameters of a model, taken one by one, so that none is forgotten."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seq2seq.errors import ConfigError
from seq2seq.model.transformer import Transformer

Array = NDArray[np.float32]


class Weights:
    """The parameters of a model by their names in its state dict.

    Args:
        model: whose modules are those that its configuration builds.
    """

    def __init__(self, model: Transformer) -> None:
        self._tensors: dict[str, Tensor] = dict(model.state_dict())
        self._untaken = set(self._tensors)

    def take(self, name: str) -> Array:
        """A parameter in float32, in memory of its own.

        Raises:
            ConfigError: there is none of this name: a module was put in place of a built-in one.
        """
        if name not in self._tensors:
            raise ConfigError(
                f"model: must have the parameter {name} for CTranslate2, but a part of it was "
                "replaced; merge it into the weights, or choose decoding.engine=torch"
            )
        self._untaken.discard(name)
        return as_array(self._tensors[name])

    def mark_taken(self, prefix: str) -> None:
        """Count the parameters of a module as taken whose output was taken instead."""
        self._untaken = {name for name in self._untaken if not name.startswith(prefix)}

    def ensure_all_taken(self) -> None:
        """Raise ConfigError where a parameter has no place in CTranslate2's model."""
        if self._untaken:
            raise ConfigError(
                "model: CTranslate2 has no place for the parameters "
                f"{', '.join(sorted(self._untaken))}; choose decoding.engine=torch"
            )


def as_array(tensor: Tensor) -> Array:
    """A contiguous float32 array of its own memory."""
    copied: Any = tensor.detach().to("cpu", torch.float32).numpy()
    return np.array(copied, dtype=np.float32, order="C")
