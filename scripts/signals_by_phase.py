"""Send signals to tiny training runs in each phase, resume them, and print a table of it.

    python scripts/signals_by_phase.py                      # all, in about half an hour
    python scripts/signals_by_phase.py --only "single.*training"

A phase is read in status.json, so that a signal may arrive shortly after it has ended. A row says
how the command ended, after how many seconds the last of its processes was gone, which optimizer
steps were done and in no checkpoint, how many processes were left 30 seconds later, and whether
the resumed run has the bundle of an undisturbed one. Needs /proc.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MARK = "SIGNALS_BY_PHASE"  # in the environment of every process of a run
LIMIT = 30.0  # seconds
COMPOSING = "composing"  # before the run has a folder
PHASES = (
    *(COMPOSING, "start-up", "preparing", "training", "validation", "saving", "exporting"),
    "evaluation",
)
OPTIONS = [
    "model.d_model=32",
    "model.d_ff=64",
    "model.encoder.num_layers=1",
    "model.decoder.num_layers=1",
    "data=copy",
    "data.num_train=2000",
    "data.num_validation=100",
    "data.num_test=200",
    "data.batch.max_tokens=512",
    "schedule.warmup_steps=5",
    "trainer.precision=32",
    "trainer.max_steps=40",
    "trainer.validate_every=10",
    "trainer.checkpoint_every=10",
    "trainer.report_every=1",
]
COLUMNS = (
    *("run", "phase", "signal", "exit code", "seconds", "steps lost", "orphans", "tracebacks"),
    "same bundle",
)
KINDS = {
    "single": [],
    "sweep": ["-m", "seed=1,2"],
    "two processes": ["trainer=ddp_cpu"],
}
ALONE = {**KINDS, "sweep": ["seed=1"]}  # the run of a kind that is looked at


@dataclass(frozen=True)
class Case:
    """A signal in a phase of a run.

    Attributes:
        kind: of the run, one of KINDS.
        target: the command's process, its whole group, or a rank.
    """

    kind: str
    phase: str
    signal: signal.Signals
    target: str = "command"

    def __str__(self) -> str:
        return f"{self.kind} | {self.phase} | {self.signal.name} to {self.target}"


def cases() -> Iterator[Case]:
    """Every row of the table."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        for phase in PHASES:
            yield Case("single", phase, number)
    for phase in (COMPOSING, "preparing", "training", "validation", "evaluation"):
        yield Case("sweep", phase, signal.SIGINT, "group")
    yield Case("sweep", "training", signal.SIGTERM)
    yield Case("sweep", "training", signal.SIGKILL)
    for phase in PHASES:
        yield Case("two processes", phase, signal.SIGTERM)
    for phase in ("preparing", "training", "evaluation"):
        yield Case("two processes", phase, signal.SIGINT, "group")
    for phase in ("preparing", "training"):
        yield Case("two processes", phase, signal.SIGTERM, "rank 1")
        yield Case("two processes", phase, signal.SIGKILL, "rank 1")
        yield Case("two processes", phase, signal.SIGKILL, "rank 0")
    yield Case("two processes", "training", signal.SIGKILL)


class Run:
    """A run in a folder of its own.

    Args:
        kind: see KINDS.
        work: a new folder for all that it writes.
    """

    def __init__(self, kind: str, work: Path) -> None:
        self.kind, self.work = kind, work
        sweeps = kind == "sweep"
        self.folder = work / "run" / "seed-1" if sweeps else work / "run"
        place = f"hydra.{'sweep' if sweeps else 'run'}.dir={work / 'run'}"
        self.cache = f"data.cache_dir={work / 'cache'}"
        self.arguments = [*KINDS[kind], *OPTIONS, self.cache, place]

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """The command in a process group of its own."""
        environment = {**os.environ, MARK: str(self.work), "OMP_NUM_THREADS": "1"}
        with (self.work / "output").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, str(ROOT / "train.py"), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                cwd=ROOT,
                start_new_session=True,
            )

    def processes(self) -> list[int]:
        """The processes of the run that are there; a zombie has no environment any more."""
        mark = f"{MARK}={self.work}".encode()
        numbers = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
        return [number for number in numbers if mark in content(number, "environ")]

    def ranks(self) -> list[int]:
        """The processes that train together, in the order in which they were started."""
        return [x for x in sorted(self.processes()) if b"spawn_main" in content(x, "cmdline")]

    def finish(self) -> None:
        """Resume it, or run it again where nothing was begun."""
        begun = (self.folder / "config.yaml").exists()
        again = [*OPTIONS, *ALONE[self.kind], self.cache, f"hydra.run.dir={self.folder}"]
        process = self.start(*([f"resume={self.folder}"] if begun else again))
        if process.wait(timeout=300):
            raise SystemExit(f"resuming failed:\n{(self.work / 'output').read_text()}")

    def bundle(self) -> dict[str, str]:
        """SHA-256 of each file of the bundle, without those that name the folder of the cache."""
        named = ("config.yaml", "manifest.json")
        files = (x for x in (self.folder / "model").rglob("*") if x.is_file())
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
            if path.name not in named
        }

    def lost_steps(self) -> int:
        """Steps that were reported and are in no checkpoint."""
        names = " ".join(path.name for path in (self.folder / "checkpoints").glob("*.ckpt"))
        saved = max((int(step) for step in re.findall(r"step-(\d+)", names)), default=0)
        reports = self.folder / "metrics.jsonl"
        lines = reports.read_text().splitlines() if reports.exists() else []
        done = max((json.loads(line)["step"] for line in lines), default=0)
        return max(0, done - saved)

    def phase(self) -> str:
        try:
            status = json.loads((self.folder / "status.json").read_text())
        except (OSError, ValueError):
            return ""
        return str(status.get("phase")) if status.get("state") == "running" else ""


def content(number: int, name: str) -> bytes:
    """A file of /proc about a process; empty if the process is gone."""
    try:
        return (Path("/proc") / str(number) / name).read_bytes()
    except OSError:
        return b""


def send(case: Case, run: Run, process: subprocess.Popen[bytes]) -> None:
    """Wait for the phase, and send the signal."""
    if case.phase == COMPOSING:
        time.sleep(0.5)
    else:
        wait_until(lambda: run.phase() == case.phase or process.poll() is not None, 0.001)
    if case.target == "group":
        os.killpg(process.pid, case.signal)
    elif case.target.startswith("rank"):
        wait_until(lambda: len(run.ranks()) == 2, 0.05)
        os.kill(run.ranks()[int(case.target.split()[1])], case.signal)
    else:
        os.kill(process.pid, case.signal)


def wait_until(holds: Callable[[], bool], pause: float, limit: float = 300) -> None:
    end = time.monotonic() + limit
    while not holds() and time.monotonic() < end:
        time.sleep(pause)


def row(case: Case, work: Path, undisturbed: dict[str, str]) -> str:
    """What became of a case, as a row of the table."""
    run = Run(case.kind, work)
    process = run.start(*run.arguments)
    send(case, run, process)
    sent = time.monotonic()
    code = process.wait(timeout=300)
    wait_until(lambda: not run.processes(), 0.05, LIMIT)
    facts = [code, round(time.monotonic() - sent, 1), run.lost_steps(), len(run.processes())]
    facts.append((work / "output").read_text().count("Traceback"))
    run.finish()
    same = "yes" if run.bundle() == undisturbed else "no"
    return f"| {case} | {' | '.join(map(str, facts))} | {same} |"


def undisturbed_bundle(kind: str, work: Path) -> dict[str, str]:
    """The bundle of a run of a kind that nobody stops."""
    work.mkdir()
    run = Run(kind, work)
    run.finish()
    return run.bundle()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="a pattern that the first three columns match")
    only = re.compile(parser.parse_args().only)
    chosen = [case for case in cases() if only.search(str(case))]
    print(
        "| run | phase | signal | exit code | seconds | steps lost | orphans | tracebacks | same |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    bundles: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(chosen):
            if case.kind not in bundles:
                bundles[case.kind] = undisturbed_bundle(case.kind, Path(folder) / case.kind)
            work = Path(folder) / str(number)
            work.mkdir()
            print(row(case, work, bundles[case.kind]), flush=True)
            shutil.rmtree(work)


if __name__ == "__main__":
    main()
