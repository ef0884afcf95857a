"""Which of a run's processes this is."""

import os


def is_first_process() -> bool:
    """Whether this is not a process that another one of the same run has started."""
    return (
        int(os.environ.get("LOCAL_RANK", "0")) == 0 and int(os.environ.get("NODE_RANK", "0")) == 0
    )
