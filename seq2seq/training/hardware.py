"""The hardware that a run asks for, compared with what is here. Imports torch only where needed."""

import os
from collections.abc import Iterator

from seq2seq.training.config import PRECISIONS, Accelerator, Strategy, TrainerConfig

GPUS = ("cuda", "mps")
MIN_CPU_PROCESSES = 8  # allowed on any machine, to try several processes out


def device_type(accelerator: Accelerator) -> str:
    """torch's name of the devices that an accelerator means here: "cpu", "cuda" or "mps"."""
    if accelerator not in (Accelerator.auto, Accelerator.gpu):
        return str(accelerator.value)
    present = [device for device in GPUS if num_devices(device)]
    if present:
        return present[0]
    return "cpu" if accelerator is Accelerator.auto else "cuda"


def num_devices(device: str) -> int:
    """Devices of a type on this machine; for "cpu", the most processes that may share it."""
    if device == "cpu":
        return max(os.cpu_count() or 1, MIN_CPU_PROCESSES)
    import torch

    return torch.cuda.device_count() if device == "cuda" else int(torch.mps.is_available())


def devices_of(config: TrainerConfig) -> int | list[int] | str:
    """`trainer.devices` for Lightning: a count, numbers of devices, or "auto"."""
    text = config.devices
    if text == "auto":
        return text
    if "," in text or text.startswith("["):
        return [int(number) for number in text.strip("[],").split(",")]
    return int(text)


def num_processes(config: TrainerConfig) -> int:
    """Processes that train together on this machine: one for each device."""
    devices = devices_of(config)
    if isinstance(devices, list):
        return len(devices)
    if isinstance(devices, int) and devices > 0:
        return devices
    device = device_type(config.accelerator)
    return num_devices(device) if device == "cuda" else 1


def hardware_problems(config: TrainerConfig) -> Iterator[str]:
    """What of `trainer` this machine does not have, each as "trainer.option: ...".

    Args:
        config: without problems by itself.
    """
    device = device_type(config.accelerator)
    available = num_devices(device)
    if available == 0:
        yield (
            "trainer.accelerator: must be available, and this machine has no "
            f"{config.accelerator.value}; choose cpu or auto"
        )
        return
    yield from _device_problems(config, device, available)
    if PRECISIONS[config.precision] == "16-mixed" and device == "cpu":
        yield "trainer.precision: 16-mixed needs a GPU; choose bf16-mixed or 32-true"
    if config.strategy is Strategy.ddp and device == "mps":
        yield "trainer.strategy: ddp needs CPU processes or CUDA devices; choose auto"


def _device_problems(config: TrainerConfig, device: str, available: int) -> Iterator[str]:
    """A problem if the devices are not here."""
    devices = devices_of(config)
    if device == "cpu":
        if not isinstance(devices, str) and devices not in range(1, available + 1):
            yield (
                f"trainer.devices: must be 1 to {available} processes on this CPU, not "
                f"{config.devices}; choose 1"
            )
    elif isinstance(devices, int) and devices > available:
        yield (
            f"trainer.devices: must be at most {available}, the number of {device} devices here, "
            f"not {devices}; choose auto for all of them"
        )
    elif isinstance(devices, list) and not set(devices) <= set(range(available)):
        yield (
            f"trainer.devices: must be among 0 to {available - 1}, the {device} devices here, not "
            f"{config.devices}; choose auto for all of them"
        )
