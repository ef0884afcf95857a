"""Processes: how one has ended; rank, cores, environment and command of this one."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

IS_RANK = "SEQ2SEQ_IS_RANK"  # in the environment of a process that `run_ranks` started


def is_first_process() -> bool:
    """True in the process with global rank 0, also before torch.distributed is set up."""
    if os.environ.get("TORCHELASTIC_RUN_ID"):
        return number_in("RANK") == 0
    if started_by_slurm():
        return number_in("SLURM_PROCID") == 0
    return number_in("LOCAL_RANK") == 0 and number_in("NODE_RANK") == 0


def is_rank() -> bool:
    """Whether this process is one of several that were started to train together."""
    started = "LOCAL_RANK" in os.environ or "TORCHELASTIC_RUN_ID" in os.environ
    return started or started_by_slurm()


def started_by_slurm() -> bool:
    """Whether `srun` started this process beside others; torch's launchers come first."""
    interactive = os.environ.get("SLURM_JOB_NAME") in ("bash", "interactive")
    inner = "LOCAL_RANK" in os.environ
    return number_in("SLURM_NTASKS") > 1 and not interactive and not inner


def number_in(variable: str) -> int:
    """The number that a variable of the environment holds; 0 if it is unset."""
    return int(os.environ.get(variable) or 0)


@contextlib.contextmanager
def environment_variable(name: str, value: str | None) -> Iterator[None]:
    """Give a variable of the environment a value, or none, and put the former one back."""

    def put(text: str | None) -> None:
        if text is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = text

    before = os.environ.get(name)
    put(value)
    try:
        yield
    finally:
        put(before)


def available_cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def has_ended(process: int, ticks: int) -> bool:
    """Whether a process of this machine has certainly ended.

    Args:
        ticks: its start, as `start_ticks` gave it; tells it from a later process of this number.
    """
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # it belongs to somebody else, or is no process number
        return False
    return ticks != 0 and start_ticks(process) not in (0, ticks)


def death(code: int) -> str:
    """How a process ended that said nothing.

    Args:
        code: its exit code, or the negative number of the signal that killed it.
    """
    if code >= 0:
        return f"ended with exit code {code} and without a message"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = " (the system may have run out of memory)" if name == "SIGKILL" else ""
    return f"was killed by {name}{hint}"


def start_ticks(process: int) -> int:
    """When a process of this machine started (proc_pid_stat(5), field 22); 0 if unknown.

    In clock ticks since the machine started.
    """
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        return int(stat.rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0


def command_name(name: str) -> str:
    """How a user calls `train` or `evaluate` here, for messages: the script or the command."""
    scripts = ("train.py", "evaluate.py")
    return f"python {name}.py" if Path(sys.argv[0]).name in scripts else f"seq2seq {name}"
