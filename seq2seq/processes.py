"""The rank of this process in its run, and the command that started it."""

import os
import sys
from pathlib import Path


def is_first_process() -> bool:
    """True in the process with global rank 0, also before torch.distributed is set up."""
    return (
        int(os.environ.get("LOCAL_RANK", "0")) == 0 and int(os.environ.get("NODE_RANK", "0")) == 0
    )


def command_name(name: str) -> str:
    """How a user calls `train` or `evaluate` here, for messages: the script or the command."""
    scripts = ("train.py", "evaluate.py")
    return f"python {name}.py" if Path(sys.argv[0]).name in scripts else f"seq2seq {name}"
