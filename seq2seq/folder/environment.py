"""Machine, packages and commit of a run: what its result may depend on beside its options."""

import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any


def environment() -> dict[str, Any]:
    """Processor, GPUs, threads, package versions and commit, as environment.json holds them."""
    import torch

    return {
        "python": sys.version,
        "platform": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        "packages": packages(),
        "git": git_state(),
    }


def processor() -> str:
    """The kind of the processor."""
    import torch

    return str(torch.cpu.get_capabilities().get("cpu_name", platform.processor()))


@cache
def packages() -> dict[str, str]:
    """Versions of the installed distributions by name."""
    metadata = (distribution.metadata for distribution in distributions())
    return dict(sorted((entry["Name"], entry["Version"]) for entry in metadata))


def git_state() -> dict[str, Any]:
    """The commit of the code and whether it has local changes; empty outside a checkout."""
    root = Path(__file__).parents[2]
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True
        ).stdout
        dirty = subprocess.run(
            ["git", "status", "--porcelain"], cwd=root, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return {}
    return {"commit": commit.strip(), "changed": bool(dirty.stdout.strip())}
