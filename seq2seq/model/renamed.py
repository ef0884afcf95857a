"""Names of parameters in earlier versions."""

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")
RENAMED_PARAMETERS = {
    "encoder.embedding.": "frontend.embedding."
}  # until 0.1.0 the encoder had the embedding


def with_present_names(state_dict: Mapping[str, T], *, prefix: str = "") -> dict[str, T]:
    """A state dict, or its shapes, of this or an earlier version under the names of this one.

    Args:
        prefix: precedes the model's names, such as "model." in checkpoints.
    """
    return {present_name(name, prefix): tensor for name, tensor in state_dict.items()}


def present_name(name: str, prefix: str) -> str:
    for old, new in RENAMED_PARAMETERS.items():
        if name.startswith(prefix + old):
            return prefix + new + name[len(prefix + old) :]
    return name
