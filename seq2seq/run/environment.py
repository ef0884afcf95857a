"""What a run's result may depend on beside its configuration: machine, packages, commit."""

import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any


def environment() -> dict[str, Any]:
    """What a run's result may depend on beside its configuration."""
    import torch

    return {
        "python": sys.version,
        "platform": platform.platform(),
        "processor": torch.cpu.get_capabilities().get("cpu_name", platform.processor()),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        "packages": packages(),
        "git": git_state(),
    }


@cache
def packages() -> dict[str, str]:
    """Installed distributions and their versions; they are many files to read."""
    found = (distribution.metadata for distribution in distributions())
    return dict(sorted((metadata["Name"], metadata["Version"]) for metadata in found))


def git_state() -> dict[str, Any]:
    """Commit of the code, and whether it was changed since; empty outside a checkout."""
    here = Path(__file__).parents[2]
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=True
        ).stdout
        dirty = subprocess.run(
            ["git", "status", "--porcelain"], cwd=here, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return {}
    return {"commit": commit.strip(), "changed": bool(dirty.stdout.strip())}
