"""Kill a process while it saves checkpoints, again and again, and fill its disk.

    python scripts/kill_while_saving.py --kills 60

Checkpoints go to the file system of this folder and to that of /dev/shm, while temporary files of
the system ($TMPDIR) lie on the other. After each kill the newest checkpoint must load, and nothing
may be left of the one that was being written, in either place. Then the checkpoints go to a disk
of a few megabytes (tmpfs, which needs root; without it, to files of limited size).
"""

import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from seq2seq.errors import CheckpointError
from seq2seq.training.checkpoint import CheckpointStore

MEMORY = Path("/dev/shm")
NUMBERS = 500_000  # float32 in a checkpoint
LONGEST = 0.05  # seconds until a kill
DISK = 9_000_000  # bytes: four checkpoints, and not five
FULL = 28  # exit code of a process that said that its disk is full


def checkpoint(step: int, saved_steps: list[int]) -> dict[str, Any]:
    state = {"saved_steps": saved_steps, "best_step": None}
    weights = torch.full((NUMBERS,), float(step))
    return {"state_dict": {"weight": weights}, "callbacks": {"TrainingCallback": state}}


def save_for_ever(folder: Path, keep_last: int) -> None:
    """Continue from the newest checkpoint and save one after the other."""
    store = CheckpointStore(folder, keep_last=keep_last)
    steps = store.regular_steps()
    while True:
        steps.append(steps[-1] + 1 if steps else 1)
        step = steps[-1]
        store.save(checkpoint(step, steps), store.path(step))


def in_child(folder: Path, temporary: Path, keep_last: int) -> int:
    """Start a process that saves until it is killed or its disk is full."""
    child = os.fork()
    if child:
        return child
    os.environ["TMPDIR"] = str(temporary)
    tempfile.tempdir = None
    try:
        save_for_ever(folder, keep_last)
    except CheckpointError as error:
        os._exit(FULL if "disk is full" in str(error) or "free" in str(error) else 1)
    finally:
        os._exit(1)


def problems_of(folder: Path, temporary: Path) -> list[str]:
    """What is wrong after the next start: a newest checkpoint that fails, files that were left."""
    store = CheckpointStore(folder)
    newest, told = store.newest()
    if newest is not None:
        step = int(newest.name[5:13])
        weights = store.load(newest)["state_dict"]["weight"]
        if not bool((weights == step).all()):
            told.append(f"{newest} holds other weights")
    told = [problem for problem in told if not problem.endswith("from the newest checkpoint")]
    expected = {path.name for path in store.paths()} | {"last.json"}
    left = {path.name for path in folder.iterdir()} - expected if folder.exists() else set()
    return [*told, *(f"left: {name}" for name in (*left, *os.listdir(temporary)))]


def kill_saves(folder: Path, temporary: Path, kills: int, seed: int) -> Counter[str]:
    """Kill a process at random instants of saving; counts kills, those within a file, faults."""
    draw, counts = random.Random(seed), Counter[str]()
    for _ in range(kills):
        child = in_child(folder, temporary, keep_last=2)
        time.sleep(draw.uniform(0, LONGEST))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        counts["kills"] += 1
        counts["half written"] += any(folder.glob(".*.partial"))
        for problem in problems_of(folder, temporary):
            counts["faults"] += 1
            print(problem)
    return counts


@contextmanager
def small_disk(folder: Path) -> Iterator[str]:
    """A folder with room for a few checkpoints; yields how its room is limited."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", str(folder)]
    mounted = shutil.which("mount") and subprocess.run(command, capture_output=True).returncode == 0
    if not mounted:
        resource.setrlimit(resource.RLIMIT_FSIZE, (NUMBERS, resource.RLIM_INFINITY))
    try:
        yield "a disk of 9 MB" if mounted else "files of at most 0.5 MB"
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path, temporary: Path) -> list[str]:
    """Save until the disk is full; what is wrong afterwards."""
    child = in_child(folder / "checkpoints", temporary, keep_last=100)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    told = [] if code == FULL else [f"the process ended with {code}, not with a message"]
    return told + problems_of(folder / "checkpoints", temporary)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=60, help="on each file system")
    options = parser.parse_args()
    torch.set_num_threads(1)
    faults = 0
    with (
        tempfile.TemporaryDirectory(dir=Path.cwd()) as disk,
        tempfile.TemporaryDirectory(dir=MEMORY) as memory,
    ):
        for seed, (target, temporary) in enumerate([(disk, memory), (memory, disk)]):
            for name, parent in (("checkpoints", target), ("temporary", temporary)):
                (Path(parent) / name).mkdir()
            places = Path(target) / "checkpoints", Path(temporary) / "temporary"
            counts = kill_saves(*places, options.kills, seed)
            faults += counts["faults"]
            print(
                f"checkpoints in {target}, temporary files in {temporary}: {counts['kills']} "
                f"kills, {counts['half written']} of them within a file; {counts['faults']} faults"
            )
        (Path(memory) / "empty").mkdir()
        with small_disk(Path(disk) / "small") as limit:
            problems = fill(Path(disk) / "small", Path(memory) / "empty")
        print(f"{limit}: {', '.join(problems) or 'refused, and earlier checkpoints load'}")
    return int(faults + len(problems) > 0)


if __name__ == "__main__":
    sys.exit(main())
