"""The hardware and software that a run's numbers depend on: chosen once, kept when it resumes."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from seq2seq import __version__
from seq2seq.training.config import Accelerator, TrainerConfig

CHOSEN_HERE = ("auto", "-1")  # values of trainer.devices that another machine reads otherwise


@dataclass(frozen=True)
class Hardware:
    """What the numbers of a run depend on, as it was chosen when training began.

    Attributes:
        device: torch's type, such as "cpu".
        precision: Lightning's name, such as "bf16-mixed".
        processes: on all machines together.
        threads: of torch in each process.
    """

    device: str
    precision: str
    processes: int
    threads: int


def as_begun(trainer: TrainerConfig, hardware: Hardware, free: Collection[str]) -> TrainerConfig:
    """Options with which training goes on as it began, whatever this machine would choose.

    Args:
        free: paths of options that are left as they are.
    """
    kept: dict[str, Any] = {
        "accelerator": Accelerator(hardware.device),
        "precision": hardware.precision,
        "num_threads": hardware.threads,
    }
    if trainer.devices in CHOSEN_HERE:
        kept["devices"] = str(hardware.processes // trainer.num_nodes)
    return replace(
        trainer, **{name: value for name, value in kept.items() if f"trainer.{name}" not in free}
    )


def threads() -> int:
    """Threads that torch uses in this process."""
    import torch

    return torch.get_num_threads()


def environment_facts(device: str) -> dict[str, str]:
    """What may change the last bits although every option is the same."""
    import torch

    from seq2seq.folder.environment import processor

    facts = {
        "processor": processor(),
        "version of torch": torch.__version__,
        "version of seq2seq": __version__,
    }
    if device == "cuda":
        facts["GPU"] = torch.cuda.get_device_name()
    return facts
