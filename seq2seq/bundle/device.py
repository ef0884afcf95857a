"""The device that a loaded model computes on."""

import torch

from seq2seq.errors import ConfigError


def find_device(device: str) -> torch.device:
    """The torch device of a name; "auto" is a GPU if torch sees one, else the CPU.

    Raises:
        ConfigError: torch does not know the device, or cannot use it here.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        usable = torch.device(device)
        torch.zeros(1, device=usable)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        # torch without CUDA raises AssertionError.
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"device: {device} cannot be used here ({reason}); choose cpu, or auto"
        ) from error
    if usable.type == "meta":
        raise ConfigError("device: must store numbers, which meta does not; choose cpu, or auto")
    return usable
