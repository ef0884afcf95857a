"""The machine that a benchmark ran on, and what disturbed it there."""

import os
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seq2seq import __version__
from seq2seq.folder.environment import git_state, processor
from seq2seq.folder.machine import threads
from seq2seq.processes import available_cores

PROCESSOR_INFO = Path("/proc/cpuinfo")
PROCESSOR_TIMES = Path("/proc/stat")
UNITS = (
    *("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "avx512_fp16"),
    *("amx_tile", "amx_bf16", "amx_int8", "asimd", "sve", "bf16", "i8mm"),
)  # vector and matrix units on which the speed of training and decoding depends, as Linux has them
BUSY_LIMIT = 0.05  # of a machine that is called idle
STOLEN_LIMIT = 0.01  # of processor time, above which figures are doubtful


def machine_facts() -> dict[str, Any]:
    """Processor, vector units, cores, versions and code, as the JSON of a benchmark holds them."""
    import torch

    info = PROCESSOR_INFO.read_text() if PROCESSOR_INFO.exists() else ""
    return {
        "processor": processor_model(info) or processor(),
        "units": vector_units(info),
        "cores": available_cores(),
        "system": platform.platform(),
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "threads": threads(),
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "seq2seq": __version__,
        "git": git_state(),
    }


def machine_text() -> str:
    """The processor and the cores that this process may use, on one line; without torch."""
    info = PROCESSOR_INFO.read_text() if PROCESSOR_INFO.exists() else ""
    return f"{processor_model(info) or platform.processor()}, {available_cores()} cores"


def info_field(info: str, *names: str) -> str:
    """The first value under one of some names in the text of /proc/cpuinfo; empty if none is."""
    for line in info.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in names:
            return value.strip()
    return ""


def processor_model(info: str) -> str:
    """The name of the processor in the text of /proc/cpuinfo, with its family and model."""
    name = info_field(info, "model name")
    numbers = [info_field(info, field) for field in ("cpu family", "model", "stepping")]
    return f"{name} ({'/'.join(numbers)})" if name and all(numbers) else name


def vector_units(info: str) -> list[str]:
    """Which of UNITS the text of /proc/cpuinfo lists."""
    flags = set(info_field(info, "flags", "Features").split())
    return [unit for unit in UNITS if unit in flags]


@dataclass(frozen=True)
class ProcessorTimes:
    """Time of all processors since the machine started, in clock ticks (proc_stat(5)).

    Attributes:
        total: all of it.
        idle: without work, waiting for disks included.
        stolen: given to other guests of the same host, while there was work.
    """

    total: int
    idle: int
    stolen: int

    @classmethod
    def parse(cls, stat: str) -> "ProcessorTimes | None":
        """From the text of /proc/stat; None if it is another text."""
        words = stat.partition("\n")[0].split()
        if len(words) < 9 or words[0] != "cpu":
            return None
        # The two numbers after these, of guests of this machine, are part of user and nice.
        user, nice, system, idle, waiting, interrupts, soft_interrupts, stolen = map(
            int, words[1:9]
        )
        busy = user + nice + system + interrupts + soft_interrupts
        return cls(busy + idle + waiting + stolen, idle + waiting, stolen)

    @classmethod
    def now(cls) -> "ProcessorTimes | None":
        """None where the system does not tell."""
        return cls.parse(PROCESSOR_TIMES.read_text()) if PROCESSOR_TIMES.exists() else None


def stolen_share(before: ProcessorTimes | None, after: ProcessorTimes | None) -> float | None:
    """The share of processor time between two readings that other guests of the host took."""
    if before is None or after is None:
        return None
    return (after.stolen - before.stolen) / max(after.total - before.total, 1)


def busy_share(before: ProcessorTimes | None, after: ProcessorTimes | None) -> float | None:
    """The share of processor time between two readings that was not idle."""
    if before is None or after is None:
        return None
    passed = max(after.total - before.total, 1)
    return 1 - (after.idle - before.idle) / passed


def load_facts(seconds: float = 1.0) -> dict[str, Any]:
    """What the machine does before a benchmark.

    Args:
        seconds: for which it is watched.

    Returns:
        "busy", the share of its processors that worked; "load", the mean number of processes that
        did or would in the last minute. None where the system does not tell.
    """
    before = ProcessorTimes.now()
    time.sleep(seconds)
    busy = busy_share(before, ProcessorTimes.now())
    return {"busy": busy, "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None}


def load_warnings(load: dict[str, Any]) -> Iterator[str]:
    """A warning if the machine was not idle before a benchmark."""
    if load["busy"] is not None and load["busy"] > BUSY_LIMIT:
        yield (
            f"the machine is not idle: {load['busy']:.0%} of its processor time was in use before "
            "the first measurement, so no figure here can be relied on; end other programs, and "
            "repeat"
        )


def stolen_warnings(share: float | None) -> Iterator[str]:
    """A warning if other guests of the host took much of the time of a benchmark."""
    if share is not None and share > STOLEN_LIMIT:
        yield (
            f"other guests of this host took {share:.1%} of the processor time; look at the spread "
            "before you rely on a figure, or repeat"
        )
