"""Which of a run's processes this is, and how it was called."""

import os
import sys
from pathlib import Path


def is_first_process() -> bool:
    """Whether this is not a process that another one of the same run has started."""
    return (
        int(os.environ.get("LOCAL_RANK", "0")) == 0 and int(os.environ.get("NODE_RANK", "0")) == 0
    )


def command_name(name: str) -> str:
    """How to call `train` or `evaluate`: "python train.py" where a script was called, and
    "seq2seq train" elsewhere. For messages."""
    scripts = ("train.py", "evaluate.py")
    return f"python {name}.py" if Path(sys.argv[0]).name in scripts else f"seq2seq {name}"
